import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { lackingHere } from "./needs.ts";
import { programsIn } from "./nodes.ts";

let root: string;
const at = (...names: string[]) => join(root, ...names);

/** A program `node` that says which version it is. */
function install(version: string, ...directory: string[]): string {
  mkdirSync(at(...directory), { recursive: true });
  writeFileSync(at(...directory, "node"), `#!/bin/sh\necho v${version}\n`);
  chmodSync(at(...directory, "node"), 0o755);
  return at(...directory);
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "fairlead-nodes-")));
  chmodSync(root, 0o755);
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ["app", "home", "empty"]) mkdirSync(at(name));
});

test.each([
  ["asks for none", {}, "own first bin"],
  ["accepts what the machine has first", { "package.json": '{ "engines": { "node": ">=18" } }' }, "bin"],
  ["wants what only Fairlead has", { "package.json": '{ "engines": { "node": "^24" } }' }, "own bin"],
  ["wants what nvm installed, in a version file", { "package.json": "{}", ".nvmrc": "22" }, "nvm bin"],
  ["wants it in a member of Volta", { "package.json": '{ "volta": { "node": "22.11.0" } }' }, "nvm bin"],
])("an app that %s gets it", async (_what, files, expected) => {
  const own = install("24.1.0", "own");
  const bin = install("18.20.0", "bin");
  const nvm = install("22.11.0", "home/.nvm/versions/node/v22.11.0/bin");
  for (const [name, text] of Object.entries(files)) writeFileSync(at("app", name), text);
  const names: Record<string, string> = { own, bin, nvm, "own first bin": own };
  const path = expected
    .split(" ")
    .filter((word) => word !== "first")
    .map((word) => names[word]);
  expect(await programsIn(at("app"), { path: bin, home: at("home"), own })).toEqual({ path: path.join(":") });
});

test("what the machine lacks is said alike before a build and by init, check and doctor", async () => {
  const bin = install("18.20.0", "bin");
  writeFileSync(at("app", "package.json"), '{ "engines": { "node": "16" } }');
  const places = { path: bin, home: at("home"), own: at("empty") };
  const words = expect.stringMatching(/^this machine has node 18\.20\.0, and engines\.node.* asks for .*16/);
  expect(await programsIn(at("app"), places)).toEqual({ lacks: words });
  const need = { program: "node", version: { range: "16", printedBy: ["node", "--version"] }, why: "x", install: "y" };
  expect(lackingHere([need], bin, at("home"))).toEqual(["this machine has node 18.20.0, and x asks for 16: y"]);
});

test.runIf(process.getuid?.() === 0)("a Node in a directory that is closed to apps is none for them", async () => {
  const bin = install("18.20.0", "bin");
  install("22.11.0", "home/.nvm/versions/node/v22.11.0/bin");
  chmodSync(at("home"), 0o700);
  writeFileSync(at("app", "package.json"), '{ "engines": { "node": "22" } }');
  const found = await programsIn(at("app"), { path: bin, home: at("home"), own: dirname(process.execPath) });
  expect(found).toMatchObject({ lacks: expect.stringMatching(/asks for/) });
});
