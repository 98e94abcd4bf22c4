import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runLine } from "./test-run.ts";

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), "fl-explain-"));
  const manifest = `app: shop
env: { LEVEL: { default: canary }, KEY: { secret: true, required: true } }
groups: { g: { SHARED: { generate: hex32 } } }
services: { web: { run: a, groups: [g] } }
environments: { staging: { env: { LEVEL: "\${KEY}" } } }
`;
  writeFileSync(path.join(cwd, "fairlead.yml"), manifest);
  writeFileSync(path.join(cwd, "bad.yml"), "app: shop\n");
});
afterAll(() => rmSync(cwd, { recursive: true }));

const explain = (...rest: string[]) => runLine(["env", "explain", ...rest], { cwd });

test.for([
  [["LEVEL"], /^web +- +default in the manifest +- +fairlead\.yml:2:26 env\.LEVEL\.default/m],
  [
    ["LEVEL", "-e", "staging"],
    /the manifest, for staging, with KEY in it +- +fairlead\.yml:5:42 environments\.staging/,
  ],
  [["KEY"], /not in the manifest +- +fairlead\.yml:2:41 env\.KEY +secret, required/],
  [["SHARED"], /Fairlead generates one, group g +- +fairlead\.yml:3:24 groups\.g\.SHARED/],
] as const)("without a controller: %j", async ([rest, wanted]) => {
  const { code, stdout } = await explain(...rest, "--file", "fairlead.yml");
  expect([code, stdout]).toEqual([0, expect.stringMatching(wanted)]);
  expect(stdout).toMatch(/^Without a controller it is unknown whether [A-Z]+ is set for (?:production|staging)/m);
  expect(stdout).not.toContain("canary");
});

test("what the manifest does not have, or cannot say, is told as that", async () => {
  const nobody = await explain("NOBODY", "--file", "fairlead.yml");
  expect([nobody.code, nobody.stderr]).toEqual([4, expect.stringContaining("has no variable NOBODY for production")]);
  const bad = await explain("LEVEL", "--file", "bad.yml");
  expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining("bad.yml:1:1 services: is missing")]);
});
