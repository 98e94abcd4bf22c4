import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isErrno } from "../../../base/faults.ts";
import type { User } from "../../../host/users.ts";
import type { Builder } from "../../../ports/builder.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { until } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { builderWorld } from "./world.ts";

const isRoot = process.getuid?.() === 0;
const builds = isRoot ? { uid: 64_011, gid: 64_011 } : null;
const store: User | null = isRoot ? { uid: 64_012, gid: 64_012 } : null;

let world: ReturnType<typeof builderWorld>;
let builder: Builder;
let told: string[];
const sh = (script: string) => ["/bin/sh", "-c", script];
const staged = () => readdirSync(join(world.directory, "staging"));
const aside = () => readdirSync(join(world.directory, "aside"));
/** What a script makes of a source of one file. */
const build = async (script: string) => {
  const spec = artifactSpec(await admitFiles(builder, { a: randomBytes(8).toString("hex") }), sh(script));
  await builder.build(spec, forWhom);
  return { ...spec, state: await builtOrNot(builder, spec.digest), at: world.artifact(spec.digest) };
};
const node = (script: string) => `'${process.execPath}' -e '${script}'`;
const nest = node(`for (let i = 0; i < 60; i += 1) { fs.mkdirSync("d".repeat(200)); process.chdir("d".repeat(200)); }`);

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH")) return "";
    throw thrown;
  }
};

beforeEach(async () => {
  told = [];
  world = builderWorld(await processWorld({ userOf: async () => builds }), {
    userOf: async () => builds,
    owner: store,
    clock: wallClock,
    notify: (words) => told.push(words),
  });
  chmodSync(world.root, 0o755);
  builder = world.open();
});
afterEach(() => world.close());

test("what a failed build left in directories too deep to name is gone, and other builds go on", async () => {
  expect((await build(`${nest}; exit 1`)).state).toMatchObject({
    state: "failed",
    detail: expect.stringContaining("exited with 1"),
  });
  expect(staged()).toEqual([]);
  await until(() => aside().length === 0);
  expect((await build("echo 1 > b")).state).toEqual({ state: "built" });
  expect(told).toEqual([]);
});

test("what cannot be copied fails the build at every look, also after a restart, and the build can be begun anew", async () => {
  const { state, digest, source } = await build(`[ -e ${world.root}/again ] || ${nest}`);
  expect(state).toMatchObject({
    state: "failed",
    code: "build.failed",
    detail: expect.stringContaining("cannot be stored"),
  });
  expect(await builder.observe(digest)).toEqual(state);
  const next = world.open();
  expect(await next.observe(digest)).toEqual(state);
  expect(staged()).toEqual([]);
  writeFileSync(join(world.root, "again"), "");
  const command = sh(`[ -e ${world.root}/again ] || ${nest}`);
  await next.build({ ...artifactSpec(source, command), digest }, forWhom);
  expect(await builtOrNot(next, digest)).toEqual({ state: "built" });
});

test("what a build leaves running is ended, and its artifact belongs to nobody that runs and has no other name", async () => {
  const unique = `${process.pid}`;
  const { at, state } = await build(
    `mkdir d; echo 1 > d/b; echo 2 > s; chmod 4777 s; mkfifo p; ln d/b h; mkdir x; chmod 000 x
     setsid sh -c 'cd d; exec 0<&- 1>&- 2>&-; while :; do echo 3 > b; done' &
     setsid env -i sleep 1000.${unique} & sleep 0.2`,
  );
  expect(state).toEqual({ state: "built" });
  const commands = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(commandOf);
  expect(commands.filter((command) => command.includes(unique) || command.includes("echo 3 > b"))).toEqual([]);
  for (const name of ["", "a", "d", "d/b", "s", "p", "h", "x"]) {
    const found = lstatSync(join(at, name));
    if (store) expect(found.uid).toBe(store.uid);
    if (name !== "" && !found.isDirectory()) expect(found.nlink).toBe(1);
    if (name !== "") expect(found.mode & 0o6222).toBe(0);
  }
});

test("a tree that cannot be deleted is told once, and wedges neither its build nor a builder that is opened later", async () => {
  const spec = artifactSpec(
    await admitFiles(builder, { a: "1" }),
    sh("while [ ! -e go ]; do sleep 0.02; done; exit 1"),
  );
  await builder.build(spec, forWhom);
  const [task] = (await world.runtime.observe(forWhom.key)).tasks;
  const staging = task?.spec.artifact ?? "";
  if (isRoot) mkdirSync(join(staging, "of-root/deeper"), { recursive: true });
  writeFileSync(join(staging, "go"), "");
  expect((await builtOrNot(builder, spec.digest)).state).toBe("failed");
  if (isRoot) await until(() => told.length > 0);
  const next = world.open();
  expect((await next.observe(spec.digest)).state).toBe("failed");
  await builder.build(spec, forWhom);
  expect((await builder.observe(spec.digest)).state).toBe("building");
  writeFileSync(join((await world.runtime.observe(forWhom.key)).tasks.at(-1)?.spec.artifact ?? "", "go"), "");
  expect((await builtOrNot(builder, spec.digest)).state).toBe("failed");
  for (const words of told) expect(words).toContain("is unused and cannot be deleted now");
});

test("a store that could not be opened once is opened when that is over", async () => {
  const late = builderWorld(await processWorld(), { userOf: async () => null, clock: wallClock });
  writeFileSync(late.directory, "in the way");
  const opened = late.open();
  await expect(opened.list()).rejects.toThrow();
  rmSync(late.directory);
  expect(await opened.list()).toEqual([]);
  await late.close();
});

test("a record that was cut off by a loss of power is none", async () => {
  await builder.list();
  const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh("echo 2 > b"));
  writeFileSync(join(world.directory, "builds", `${spec.digest.slice(7)}.json`), '{"key":');
  const next = world.open();
  expect(await next.observe(spec.digest)).toEqual({ state: "absent" });
  await next.build(spec, forWhom);
  expect(await builtOrNot(next, spec.digest)).toEqual({ state: "built" });
  expect(readFileSync(join(world.artifact(spec.digest), "b"), "utf8")).toBe("2\n");
  expect(existsSync(join(world.directory, "builds", `${spec.digest.slice(7)}.json`))).toBe(false);
});
