import { expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import { readManifest } from "../manifest/read.ts";
import type { AppSpec } from "../model/app.ts";
import { generatedValues } from "./generate.ts";

function specOf(env: string): AppSpec {
  const text = `version: 1\napp: shop\nenv:\n${env}\nservices:\n  web: { run: node a.ts }\n  worker: { run: node b.ts }\n`;
  const read = readManifest(text, { file: "fairlead.yml", environment: "production" });
  if (!read.ok) throw new Fault("manifest.invalid", "the manifest of the test is wrong");
  return read.spec;
}

const looks: readonly [string, RegExp][] = [
  ["hex32", /^[0-9a-f]{64}$/],
  ["hex64", /^[0-9a-f]{128}$/],
  ["base64", /^[A-Za-z0-9+/]{43}=$/],
  ["uuid", /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  ["django", /^[a-z0-9!@#$%^&*(\-_=+)]{50}$/],
];

test.each(looks)("%s makes another value each time, of its form", (generate, form) => {
  const spec = specOf(`  KEY: { generate: ${generate} }`);
  const first = generatedValues(spec, {});
  expect(first.KEY).toMatch(form);
  expect(generatedValues(spec, {}).KEY).not.toBe(first.KEY);
});

test("what the manifest or the environment gives is not made, not even when it is empty", () => {
  const spec = specOf("  KEY: { generate: hex32 }\n  WITH: { generate: hex32, default: here }\n  PLAIN: text");
  expect(generatedValues(spec, { KEY: "" })).toEqual({});
});
