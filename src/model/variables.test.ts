import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { platformVariables, refusedName } from "./variables.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/environments.md"), "utf8");

test.each(platformVariables)("the manual says of $name what the code does", ({ name, of, means, kind }) => {
  const declared = kind === "fixed" ? "is refused" : "wins";
  expect(page).toContain(`| \`${name}\` | ${of === "http" ? "instances with `http`" : of} | ${means} | ${declared} |`);
});

test("what a service without http makes of PORT is its own affair", () => {
  expect(refusedName("PORT", false)).toBeNull();
  expect(refusedName("PORT", true)).toContain("omit it");
});
