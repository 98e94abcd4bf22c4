import { expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import { failureText } from "./failure.ts";
import { paintFor } from "./paint.ts";

const at = (line: number, path: string, message: string) => ({ file: "fairlead.yml", line, column: 5, path, message });
const text = (detail: string, diagnostics: readonly ReturnType<typeof at>[]) =>
  failureText(new Fault("manifest.invalid", detail, { diagnostics, hint: "" }), paintFor(false), false);

test("one complaint is told once, with its place", () => {
  const one = at(3, "env.API_KEY", "has no value");
  expect(text("env.API_KEY: has no value", [one])).toBe("error: fairlead.yml:3:5 env.API_KEY: has no value");
});

test("several are told below what is wrong altogether", () => {
  const two = [at(3, "env.API_KEY", "has no value"), at(4, "env.TOKEN", "has no value")];
  expect(text("env.API_KEY: has no value (and 1 more)", two).split("\n")).toEqual([
    "error: env.API_KEY: has no value (and 1 more)",
    "  fairlead.yml:3:5 env.API_KEY: has no value",
    "  fairlead.yml:4:5 env.TOKEN: has no value",
  ]);
});
