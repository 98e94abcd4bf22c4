import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runChild, startChild } from "../src/host/child.ts";

const platform = `${process.platform}-${process.arch}`;
const foreign = platform === "darwin-x64" ? "linux-x64" : "darwin-x64";
const report = `console.log(JSON.stringify({ args: process.argv.slice(2), node: process.execPath, main: import.meta.main }));`;
let root: string;

beforeEach(() => {
  // A space, as people's directories have them.
  root = mkdtempSync(join(tmpdir(), "launch here-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

/** A package as it is installed: the launchers and what was built. */
function install(at: string): void {
  cpSync(join(import.meta.dirname, "../bin"), join(root, at, "bin"), { recursive: true });
  write(join(at, "package.json"), `{"type":"module"}`);
  write(join(at, "dist/cli.js"), report);
}

function nodePackage(at: string, name = platform): string {
  return join(at, "node_modules", `node-${name}`, "bin/node");
}

function pin(at: string): void {
  link(nodePackage(at), process.execPath);
}

async function start(launcher: string, args: string[] = [], { cwd = root, path = "/usr/bin:/bin" } = {}) {
  const result = await runChild([launcher, ...args], { cwd, env: { PATH: path, CDPATH: root } });
  return { ...result, said: result.stdout === "" ? null : JSON.parse(result.stdout) };
}

describe("finding a Node", () => {
  test.each([
    ["in its own node_modules", "pkg", "pkg"],
    ["hoisted beside the package", "app/node_modules/fairlead", "app"],
    ["in an isolated store", "app/node_modules/.s/fairlead@1/node_modules/fairlead", "app/node_modules/.s/fairlead@1"],
  ])("the pinned one is found %s, through links from elsewhere", async (_where, at, pinnedAt) => {
    install(at);
    pin(pinnedAt);
    link("npm/bin/fairlead", join("../..", at, "bin/fairlead"));
    link("usr/bin/fairlead", join(root, "npm/bin/fairlead"));
    link("linked/bin", join(root, at, "bin"));
    const said = { args: ["status", "--json", "a b"], node: process.execPath, main: true };
    for (const launcher of ["usr/bin/fairlead", "linked/bin/fairlead"]) {
      expect(await start(join(root, launcher), said.args)).toMatchObject({ said, stderr: "" });
    }
  });

  test("from every working directory, and by name", async () => {
    install("pkg");
    pin("pkg");
    for (const [launcher, cwd] of [
      ["./fairlead", "pkg/bin"],
      ["bin/fairlead", "pkg"],
      ["../bin/fairlead", "pkg/dist"],
    ] as const) {
      expect(await start(launcher, ["x"], { cwd: join(root, cwd) })).toMatchObject({ said: { args: ["x"] } });
    }
    const byName = { cwd: join(root, "pkg/bin"), path: "/usr/bin:/bin" };
    expect(await start("/bin/sh", ["fairlead", "y"], byName)).toMatchObject({ said: { args: ["y"] } });
  });

  test("one of another platform is passed over, and one on PATH that is new enough is taken", async () => {
    install("pkg");
    write(nodePackage("pkg", foreign), "#!/bin/sh\necho foreign\n", 0o755);
    write("new/node", `#!/bin/sh\nif [ "$*" = --version ]; then echo v24.15.0; else echo '"new"'; fi\n`, 0o755);
    expect((await start(join(root, "pkg/bin/fairlead"), ["x"], { path: join(root, "new") })).said).toBe("new");
    pin("pkg");
    expect((await start(join(root, "pkg/bin/fairlead"), ["x"])).said).toMatchObject({ args: ["x"] });
  });

  test.each(["v24.14.9", "v20.20.2", "v9.99.0", "v24", "", "24.x"])("%j on PATH is not enough", async (version) => {
    install("pkg");
    write("old/node", `#!/bin/sh\necho ${version}\n`, 0o755);
    const { code, stdout, stderr } = await start(join(root, "pkg/bin/fairlead"), ["x"], { path: join(root, "old") });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      "fairlead: its own Node is not installed (there is none for this system, or npm ran with --omit=optional), and " +
        `PATH has ${version}: install Node 24.15 or newer\n`,
    );
  });

  test.each(["v24.15.0", "v24.21.0", "v25.0.0", "v100.1.0-nightly"])("%j on PATH is enough", async (version) => {
    install("pkg");
    write("new/node", `#!/bin/sh\nif [ "$*" = --version ]; then echo ${version}; else echo 1; fi\n`, 0o755);
    expect((await start(join(root, "pkg/bin/fairlead"), ["x"], { path: join(root, "new") })).said).toBe(1);
  });

  test("without any there is one line that says what is needed", async () => {
    install("pkg");
    const { code, stderr } = await start(join(root, "pkg/bin/fairlead"), [], { path: join(root, "nowhere") });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^fairlead: .*, and PATH has no Node: install Node 24\.15 or newer\n$/);
  });
});

test("a checkout runs its sources, and without its packages says what installs them", async () => {
  install("pkg");
  write("pkg/src/main/cli.ts", `const from: string = "source"; console.log(JSON.stringify({ from }));`);
  const { code, stderr } = await start(join(root, "pkg/bin/fairlead"));
  expect([code, stderr]).toEqual([
    1,
    `fairlead: its packages are not installed: run \`npm ci\` in ${join(root, "pkg")}\n`,
  ]);
  pin("pkg");
  expect((await start(join(root, "pkg/bin/fairlead"))).said).toEqual({ from: "source" });
});

test("fairlead-node runs the script it is given, and asks for one", async () => {
  install("pkg");
  pin("pkg");
  write("script.ts", report);
  const launcher = join(root, "pkg/bin/fairlead-node");
  expect((await start(launcher, ["script.ts", "--unit", "a"])).said).toMatchObject({ args: ["--unit", "a"] });
  expect(await start(launcher)).toMatchObject({ code: 2, said: null });
});

test("the process that is started becomes the command: same id, its signals, its exit code", async () => {
  install("pkg");
  pin("pkg");
  write(
    "pkg/dist/cli.js",
    `process.on("SIGTERM", () => process.exit(7)); console.log(process.pid); setInterval(() => {}, 1e6);`,
  );
  const child = startChild([join(root, "pkg/bin/fairlead")], { env: {}, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  const [said] = await once(child.stdout ?? child, "data");
  expect(Number(said)).toBe(child.pid);
  child.kill("SIGTERM");
  expect(await ended).toEqual([7, null]);
});

test("every shell that a system may have as sh reads it", async () => {
  install("pkg");
  pin("pkg");
  const shells = ["/bin/sh", "/bin/dash", "/bin/bash", "/bin/busybox"].filter((shell) => existsSync(shell));
  for (const shell of shells) {
    const applet = shell.endsWith("busybox") ? ["sh"] : [];
    const started = await start(shell, [...applet, join(root, "pkg/bin/fairlead"), "a b"]);
    expect(started).toMatchObject({ said: { args: ["a b"] }, stderr: "" });
  }
});
