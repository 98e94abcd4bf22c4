import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { treeDigest } from "../../../base/digest.ts";
import { Secret } from "../../../base/secret.ts";
import { type Builder, noVariables } from "../../../ports/builder.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom, tarOf } from "../../../testing/conformance/builder.ts";
import { exited, outputOf, runtimeKey } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { damagedIn } from "../source/seals.ts";
import { builderWorld } from "./world.ts";

let world: ReturnType<typeof builderWorld>;
let builder: Builder;

beforeEach(async () => {
  world = builderWorld(await processWorld(), { userOf: async () => null, clock: wallClock });
  builder = world.open();
});
afterEach(() => world.close());

const sh = (script: string) => ["/bin/sh", "-c", script];
const staged = () => readdirSync(join(world.directory, "staging"));
const recordOf = (digest: string) => join(world.directory, "builds", `${digest.slice(7)}.json`);
const tasks = async () => (await world.runtime.observe(runtimeKey)).tasks;

test("variables of the build are in the command's environment, and written down nowhere", async () => {
  const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh('printf %s "$PLAIN-${#TOKEN}" > b'));
  const token = `canary-${randomBytes(12).toString("hex")}`;
  await builder.build(spec, forWhom, { ...noVariables, plain: { PLAIN: "x" }, secret: { TOKEN: new Secret(token) } });
  expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
  expect(readFileSync(join(world.artifact(spec.digest), "b"), "utf8")).toBe(`x-${token.length}`);
  for (const file of readdirSync(world.root, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name), "utf8")).not.toContain(token);
  }
});

describe("after a crash", () => {
  test("what was half unpacked or half copied is taken away", async () => {
    await builder.list();
    for (const name of ["source-x", "trash-x", "build-x"])
      mkdirSync(join(world.directory, "staging", name, "tree"), { recursive: true });
    await world.open().list();
    expect(staged()).toEqual([]);
  });

  test("a build whose command was not begun yet is absent, and is begun once by the next build", async () => {
    const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh("echo made > b"));
    const staging = join(world.directory, "staging", "build-early");
    mkdirSync(staging);
    const record = { key: runtimeKey, task: "build-early", command: spec.command, staging, since: 1 };
    writeFileSync(recordOf(spec.digest), JSON.stringify(record));
    const next = world.open();
    expect(await next.observe(spec.digest)).toEqual({ state: "absent" });
    await next.build(spec, forWhom);
    expect(await builtOrNot(next, spec.digest)).toEqual({ state: "built" });
    expect(await tasks()).toHaveLength(1);
    expect(staged()).toEqual([]);
  });

  test("between the end of the command and the artifact's place, the next look finishes it", async () => {
    const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh("echo made > b"));
    await builder.build(spec, forWhom);
    const [task] = await tasks();
    await exited(world.runtime, task?.name ?? "");
    chmodSync(join(task?.spec.artifact ?? "", "b"), 0o444);
    expect(await world.open().observe(spec.digest)).toEqual({ state: "built" });
    expect(readdirSync(world.artifact(spec.digest)).sort()).toEqual(["a", "b"]);
    expect(staged()).toEqual([]);
  });

  test("between the artifact's place and the end of its record, it is built, and can be removed and built again", async () => {
    const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh("echo made > b"));
    await builder.build(spec, forWhom);
    const [task] = await tasks();
    await exited(world.runtime, task?.name ?? "");
    renameSync(task?.spec.artifact ?? "", world.artifact(spec.digest));
    const next = world.open();
    expect(await next.observe(spec.digest)).toEqual({ state: "built" });
    await next.remove({ digest: spec.digest, what: "artifact" });
    expect(await next.observe(spec.digest)).toEqual({ state: "absent" });
    await next.build(spec, forWhom);
    expect(await builtOrNot(next, spec.digest)).toEqual({ state: "built" });
    expect(await tasks()).toHaveLength(2);
  });
});

test.each([
  ["misses a file", (at: string) => rmSync(join(at, "d/b"))],
  ["has another file", (at: string) => writeFileSync(join(at, "d/more"), "")],
  ["has a shorter file", (at: string) => truncateSync(join(at, "d/b"), 1)],
  ["has other bytes", (at: string) => writeFileSync(join(at, "d/b"), "evil\n")],
])("an artifact that %s is not used any more, said and built again", async (_how, damage) => {
  const said: string[] = [];
  await world.close();
  world = builderWorld(await processWorld(), {
    userOf: async () => null,
    clock: wallClock,
    notify: (w) => said.push(w),
  });
  builder = world.open();
  const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh("mkdir d; echo made > d/b; ln -s b d/l"));
  await builder.build(spec, forWhom);
  expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
  const at = world.artifact(spec.digest);
  expect(await world.open().observe(spec.digest)).toEqual({ state: "built" });
  const sealed = ["d/b", "d"].map((name) => ({ path: join(at, name), mode: statSync(join(at, name)).mode }));
  for (const { path, mode } of sealed) chmodSync(path, mode | 0o200);
  damage(at);
  // The modes are as before: what is found is the damage.
  for (const { path, mode } of sealed) if (existsSync(path)) chmodSync(path, mode);
  expect(await damagedIn([dirname(at)])).toEqual([basename(at)]);
  const next = world.open();
  expect(await next.observe(spec.digest)).toEqual({ state: "absent" });
  // Two builders of one directory also delete what is out of use twice.
  expect(said.filter((words) => words.includes("was changed or damaged"))).toHaveLength(1);
  await next.build(spec, forWhom);
  expect(await builtOrNot(next, spec.digest)).toEqual({ state: "built" });
  expect(readFileSync(join(at, "d/b"), "utf8")).toBe("made\n");
  expect(await damagedIn([dirname(at)])).toEqual([]);
});

test("bytes that changed without a trace are found by reading; another time alone is no damage", async () => {
  const spec = artifactSpec(await admitFiles(builder, { a: "1", b: "2" }), sh("echo made > c"));
  await builder.build(spec, forWhom);
  expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
  await builder.list();
  const at = world.artifact(spec.digest);
  utimesSync(join(at, "a"), 1, 1);
  expect(await world.open().observe(spec.digest)).toEqual({ state: "built" });
  expect(await damagedIn([dirname(at)])).toEqual([]);
  const { mode, mtime } = statSync(join(at, "c"));
  chmodSync(join(at, "c"), 0o600);
  writeFileSync(join(at, "c"), "evil\n");
  chmodSync(join(at, "c"), mode);
  utimesSync(join(at, "c"), mtime, mtime);
  expect(await damagedIn([dirname(at)])).toEqual([basename(at)]);
});

test("many builds asked for at once are one", async () => {
  const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh("echo made > b"));
  await Promise.all(Array.from({ length: 8 }, () => builder.build(spec, forWhom)));
  expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
  expect(await tasks()).toHaveLength(1);
});

test("a failed build leaves nothing but its task", async () => {
  const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh("exit 1"));
  await builder.build(spec, forWhom);
  expect((await builtOrNot(builder, spec.digest)).state).toBe("failed");
  expect(staged()).toEqual([]);
});

test("a refused upload leaves nothing", async () => {
  const digest = treeDigest([]);
  await expect(builder.admit(digest, tarOf({ name: "a", text: "x" }, { name: "../b", text: "x" }))).rejects.toThrow();
  expect(staged()).toEqual([]);
});

test("a link of the context that leads out of it is refused, though it stays inside the source", async () => {
  const link = { path: "apps/web/l", kind: "link", executable: false, content: "../../secret" } as const;
  const digest = treeDigest([link]);
  await builder.admit(digest, tarOf({ name: link.path, type: "symlink", linkname: link.content }));
  await expect(builder.build(artifactSpec(digest, null, "apps/web"), forWhom)).rejects.toMatchObject({
    code: "source.unsafe",
  });
  await builder.build(artifactSpec(digest, null), forWhom);
});

test("a source is not read through a link that was put there from outside", async () => {
  const digest = await admitFiles(builder, { a: "1" });
  symlinkSync("/etc/passwd", join(world.directory, "whole/sources", digest.slice(7), "l"));
  expect(await builder.readSource(digest, "l")).toBeNull();
});

describe.runIf(process.getuid?.() === 0)("as another user", () => {
  test("the build has that user's rights and home, and its artifact can be run but not changed", async () => {
    await world.close();
    const userOf = async () => ({ uid: 65_534, gid: 65_534 });
    world = builderWorld(await processWorld({ userOf }), { userOf, clock: wallClock });
    chmodSync(world.root, 0o755);
    builder = world.open();
    const spec = artifactSpec(
      await admitFiles(builder, { a: "1", "d/c": "3" }),
      sh('id -u; touch "$HOME/made" && basename "$HOME"; cat a; echo 2 > d/b; ln -s /etc/passwd d/p'),
    );
    const before = statSync("/etc/passwd").mode;
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    const [task] = await tasks();
    expect(await outputOf(world.runtime, task?.name ?? "")).toBe("65534\n65534\n1");
    expect(statSync(join(world.artifact(spec.digest), "d/b"))).toMatchObject({ uid: 65_534 });
    expect(statSync(join(world.artifact(spec.digest), "d/b")).mode & 0o222).toBe(0);
    expect(statSync("/etc/passwd").mode).toBe(before);
  });
});
