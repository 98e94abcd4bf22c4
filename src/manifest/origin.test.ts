import { expect, test } from "vitest";
import { readManifest } from "./read.ts";

const text = `app: shop
env:
  VALUE: canary
  DEFAULT: { default: canary, oneOf: [canary, other] }
  REFERS: "\${VALUE}-\${web.url}-\${VALUE}"
  MADE: { generate: hex32 }
  NOTHING: { secret: true, required: true }
  BUILD: { default: x, scope: build }
groups:
  g: { SHARED: { default: canary, minLength: 3 } }
services:
  web: { run: a, http: {}, groups: [g], env: { VALUE: own } }
  groups: { run: b, groups: [g], env: { OWN: x } }
environments:
  production: { env: { DEFAULT: other }, groups: { g: { SHARED: { pattern: "^c" } } } }
  staging: { groups: { g: { SHARED: staged } } }
`;

function told(name: string, environment = "production") {
  const reading = readManifest(text, { file: "f", environment });
  const origins = reading.ok ? reading.originsOf(name) : expect.fail(JSON.stringify(reading.complaints));
  return origins.map(({ service, gives, refersTo, place, rules }) => {
    const { path, line, overlay, group } = place;
    return [service, gives, refersTo.join(), `${line} ${path}`, overlay, group, rules.join()];
  });
}

test.for([
  [
    "VALUE",
    [
      ["web", "value", "", "12 services.web.env.VALUE", null, null, ""],
      ["groups", "value", "", "3 env.VALUE", null, null, ""],
    ],
  ],
  ["OWN", [["groups", "value", "", "13 services.groups.env.OWN", null, null, ""]]],
  ["NONE", []],
] as const)("where %s is written, for every service that has it", ([name, wanted]) => {
  expect(told(name)).toEqual(wanted);
});

test.for([
  ["REFERS", "refers", "VALUE,web.url", "5 env.REFERS", null, null, ""],
  ["DEFAULT", "value", "", "15 environments.production.env.DEFAULT", "production", null, "one of 2"],
  ["MADE", "generate", "", "6 env.MADE", null, null, "secret,made by Fairlead (hex32) when nothing gives one"],
  ["NOTHING", "nothing", "", "7 env.NOTHING", null, null, "secret,required"],
  ["SHARED", "default", "", "10 groups.g.SHARED.default", null, "g", "has a pattern,at least 3 characters"],
] as const)("%s: %s", ([name, ...wanted]) => {
  for (const service of ["web", "groups"]) expect(told(name)).toContainEqual([service, ...wanted]);
});

test("another environment has it from its own overlay, the group included", () => {
  expect(told("DEFAULT", "staging")[0]).toEqual([
    "web",
    "default",
    "",
    "4 env.DEFAULT.default",
    null,
    null,
    "one of 2",
  ]);
  expect(told("SHARED", "staging")[0]).toEqual([
    "web",
    "value",
    "",
    "16 environments.staging.groups.g.SHARED",
    "staging",
    "g",
    "at least 3 characters",
  ]);
});

test("the build has what is for it", () => {
  expect(told("BUILD").at(-1)).toEqual([null, "default", "", "8 env.BUILD.default", null, null, "for the build"]);
});
