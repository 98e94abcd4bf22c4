import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Fault } from "../src/base/faults.ts";
import { runChild } from "../src/host/child.ts";
import { asciiOf, buildRelease } from "./build.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

function packageWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "build-"));
  roots.push(root);
  const others = [
    "src/main/controller.ts",
    "src/main/edge.ts",
    "src/main/static.ts",
    "src/adapters/logs/sqlite/search-worker.ts",
  ];
  const empty = Object.fromEntries(others.map((path) => [path, ""]));
  const all = { "package.json": `{"type":"module"}`, ...empty, ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  symlinkSync(join(import.meta.dirname, "../node_modules"), join(root, "node_modules"));
  return root;
}

test("the bundle runs without packages, reads its assets and loads a command only when it is called", async () => {
  const root = packageWith({
    "src/main/cli.ts": `
      import { parse } from "yaml";
      import { readAsset } from "../adapters/runtime/process/asset.ts";
      const verb: string = process.argv[2] ?? "";
      if (verb === "deploy") console.log((await import("../cli/deploy.ts")).deploy());
      else console.log(parse("a: 1").a, readAsset().trim());`,
    "src/cli/deploy.ts": `console.log("loaded"); export const deploy = (): string => "deployed";`,
    "src/adapters/runtime/process/asset.ts": `
      import { readFileSync } from "node:fs";
      export const readAsset = (): string => readFileSync(new URL("./keeper.sh", import.meta.url), "utf8");`,
    "src/adapters/runtime/process/keeper.sh": "# keeper\n",
    "schema/fairlead.json": "{}",
    "src/cli/__snapshots__/help.test.ts.snap": "",
    "dist/left-over.js": "",
  });
  await buildRelease(root);
  rmSync(join(root, "node_modules"));
  rmSync(join(root, "src"), { recursive: true });
  const cli = (...args: string[]) => runChild([process.execPath, join(root, "dist/cli.js"), ...args], { env: {} });
  expect(await cli()).toMatchObject({ stdout: "1 # keeper\n", stderr: "", code: 0 });
  expect(await cli("deploy")).toMatchObject({ stdout: "loaded\ndeployed\n", code: 0 });
  const names = readdirSync(join(root, "dist"));
  expect(names).toEqual(expect.arrayContaining(["cli.js", "controller.js", "edge.js", "keeper.sh", "schema"]));
  expect(names.filter((name) => name === "left-over.js" || name.endsWith(".snap"))).toEqual([]);
});

test("the command line reads one file beside its own, and the edge that shares it does not run the command line", async () => {
  const root = packageWith({
    "src/main/cli.ts": `
      import { fault } from "../base/faults.ts";
      import { paint } from "../cli/paint.ts";
      console.log(process.argv[2] ? (await import("../cli/deploy.ts")).deploy() : paint(fault));`,
    "src/base/faults.ts": `export const fault: string = "fault";`,
    "src/cli/paint.ts": `export const paint = (text: string): string => text.toUpperCase();`,
    "src/cli/deploy.ts": `import { paint } from "./paint.ts"; export const deploy = (): string => paint("deployed");`,
    "src/main/edge.ts": `import { fault } from "../base/faults.ts"; console.log("edge", fault);`,
  });
  await buildRelease(root);
  const run = (...args: string[]) => runChild([process.execPath, ...args], { cwd: join(root, "dist"), env: {} });
  expect(await run("edge.js")).toMatchObject({ stdout: "edge fault\n", code: 0 });
  expect(await run("cli.js", "deploy")).toMatchObject({ stdout: "DEPLOYED\n", code: 0 });
  const kept = /^(?:cli|start-.*)\.js$/;
  for (const name of readdirSync(join(root, "dist"))) if (!kept.test(name)) rmSync(join(root, "dist", name));
  expect(await run("cli.js")).toMatchObject({ stdout: "FAULT\n", code: 0 });
});

test("two assets of one name are refused before anything is replaced", async () => {
  const root = packageWith({
    "src/main/cli.ts": "",
    "src/a/note.txt": "",
    "src/b/note.txt": "",
    "dist/cli.js": "",
  });
  await expect(buildRelease(root)).rejects.toThrow(Fault);
  expect(readdirSync(join(root, "dist"))).toEqual(["cli.js"]);
});

test("a bundle is written in ASCII and means the same; what would not is refused", () => {
  const text =
    "const word = `→ ${1}…`; const long = /[😀-😂]/u; export const read = [word, long.test('😁'), 'é'.length];";
  const ascii = asciiOf(text);
  expect(ascii).toMatch(/^[\0-\x7f]*$/);
  const run = (code: string): unknown => new Function(`${code.replace("export ", "")} return read;`)();
  expect(run(ascii)).toEqual(["→ 1…", true, 1]);
  expect(() => asciiOf('const a = "\\→";')).toThrow(Fault);
  expect(() => asciiOf("const a = String.raw`→`;")).toThrow(Fault);
});
