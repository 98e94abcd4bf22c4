import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runChild, startChild } from "../src/host/child.ts";

const pinned = `node_modules/node-${process.platform}-${process.arch}/bin/node`;
const report = `console.log(JSON.stringify({ args: process.argv.slice(2), node: process.execPath, main: import.meta.main }));`;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "launch-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A package as it is installed, with a preload that makes the Node it starts with say it is an old one. */
function install(at: string): void {
  cpSync(join(import.meta.dirname, "../bin"), join(root, at, "bin"), { recursive: true });
  write(join(at, "package.json"), `{"type":"module"}`);
  write(join(at, "dist/cli.js"), report);
  write("old.cjs", `Object.defineProperty(process, "version", { value: "v20.1.0" });`);
}

function pin(at: string): void {
  mkdirSync(dirname(join(root, at, pinned)), { recursive: true });
  symlinkSync(process.execPath, join(root, at, pinned));
}

function command(launcher: string, ...args: string[]): [string, ...string[]] {
  return [process.execPath, "--require", join(root, "old.cjs"), join(root, launcher), ...args];
}

async function runOld(launcher: string, args: string[] = [], env: Record<string, string> = {}) {
  const result = await runChild(command(launcher, ...args), { env });
  return { ...result, said: result.stdout === "" ? null : JSON.parse(result.stdout) };
}

describe("finding a Node", () => {
  test.each([
    ["in its own node_modules", "pkg", "pkg"],
    ["hoisted beside the package", "app/node_modules/fairlead", "app"],
    [
      "in an isolated store",
      "app/node_modules/.store/fairlead@1/node_modules/fairlead",
      "app/node_modules/.store/fairlead@1",
    ],
  ])("the pinned one is found %s, through a link from elsewhere", async (_where, at, pinnedAt) => {
    install(at);
    pin(pinnedAt);
    mkdirSync(join(root, "bin"));
    symlinkSync(join(root, at, "bin/fairlead"), join(root, "bin/fairlead"));
    const { said, stderr } = await runOld("bin/fairlead", ["status", "--json", "a b"]);
    expect(said).toEqual({ args: ["status", "--json", "a b"], node: expect.any(String), main: true });
    expect(stderr).toBe("");
  });

  test("a new enough one on PATH is taken when there is no pinned one, an old one is passed over", async () => {
    install("pkg");
    write("old/node", "#!/bin/sh\necho v20.1.0\n");
    chmodSync(join(root, "old/node"), 0o755);
    mkdirSync(join(root, "new"));
    symlinkSync(process.execPath, join(root, "new/node"));
    const { said } = await runOld("pkg/bin/fairlead", ["x"], { PATH: `${join(root, "old")}:${join(root, "new")}` });
    expect(said).toMatchObject({ args: ["x"] });
  });

  test("a pinned one that cannot be started here is passed over too", async () => {
    install("pkg");
    write(`pkg/${pinned}`, "#!/nonexistent/interpreter\n");
    chmodSync(join(root, "pkg", pinned), 0o755);
    mkdirSync(join(root, "new"));
    symlinkSync(process.execPath, join(root, "new/node"));
    const { said } = await runOld("pkg/bin/fairlead", ["x"], { PATH: join(root, "new") });
    expect(said).toMatchObject({ args: ["x"] });
  });

  test("without any there is one line that says what is needed", async () => {
    install("pkg");
    const { code, stdout, stderr } = await runOld("pkg/bin/fairlead", [], { PATH: join(root, "nowhere") });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^fairlead: Node 24\.15 or newer is needed and this is v20\.1\.0; .*\n$/);
  });

  test("a Node that is new enough runs the command itself", async () => {
    install("pkg");
    const result = await runChild([process.execPath, join(root, "pkg/bin/fairlead"), "x"], { env: {} });
    expect(JSON.parse(result.stdout)).toEqual({ args: ["x"], node: process.execPath, main: true });
    expect(result.stderr).toBe("");
  });
});

test("a checkout runs its sources", async () => {
  install("pkg");
  pin("pkg");
  write("pkg/src/main/cli.ts", `const from: string = "source"; console.log(JSON.stringify({ from }));`);
  expect((await runOld("pkg/bin/fairlead")).said).toEqual({ from: "source" });
});

test("fairlead-node runs the script it is given, in either Node, and asks for one", async () => {
  install("pkg");
  pin("pkg");
  write("script.ts", report);
  const script = join(root, "script.ts");
  expect((await runOld("pkg/bin/fairlead-node", [script, "--unit", "a"])).said).toMatchObject({
    args: ["--unit", "a"],
  });
  const direct = await runChild([process.execPath, join(root, "pkg/bin/fairlead-node"), script, "b"], { env: {} });
  expect(JSON.parse(direct.stdout)).toMatchObject({ args: ["b"], main: true });
  expect(await runOld("pkg/bin/fairlead-node")).toMatchObject({ code: 2, said: null });
});

describe("how it ends", () => {
  const listener = `
    const seen = [];
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => { seen.push(signal); console.log(signal); });
    const timer = setInterval(() => seen.includes("SIGTERM") && process.exit(7), 300);
    console.log("up");`;

  test("signals reach the command once each, and its exit code comes back", async () => {
    install("pkg");
    pin("pkg");
    write("pkg/dist/cli.js", listener);
    const child = startChild(command("pkg/bin/fairlead"), {
      env: {},
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text === "up\n") child.kill("SIGINT");
      if (text === "up\nSIGINT\n") child.kill("SIGTERM");
    });
    const [code] = await once(child, "close");
    expect({ code, text }).toEqual({ code: 7, text: "up\nSIGINT\nSIGTERM\n" });
  });

  test("a command that a signal ends makes the launcher end by the same signal", async () => {
    install("pkg");
    pin("pkg");
    write("pkg/dist/cli.js", `process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000);`);
    expect(await runOld("pkg/bin/fairlead")).toMatchObject({ code: null, signal: "SIGTERM" });
  });
});
