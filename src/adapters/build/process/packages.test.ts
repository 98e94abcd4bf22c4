import { chmodSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256 } from "../../../base/digest.ts";
import type { detect } from "../../../detect/detect.ts";
import type { Builder } from "../../../ports/builder.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { runtimeKey } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { builderWorld } from "./world.ts";

let world: ReturnType<typeof builderWorld>;
let builder: Builder;
let said: string[];

/** Installs into `pk`: what it sees, and something else every time. */
const install = "mkdir pk && ls > pk/seen && cat /proc/sys/kernel/random/uuid > pk/stamp && echo x > both";
const recipeOf: typeof detect = ({ paths }) => ({
  dockerfile: "",
  language: "node",
  evidence: "declared",
  summary: "",
  warnings: [],
  services: [],
  variables: [],
  build: null,
  firstStep: {
    files: paths.filter((path) => path === "lock"),
    setup: [],
    without: paths.includes("needed") ? ["cat needed"] : [],
    install: [install],
    alike: null,
    late: [],
    interpreters: ["cat"],
    tools: ["sh"],
  },
  needs: [],
});

beforeEach(async () => {
  said = [];
  // Two builders of one directory also delete what is out of use twice.
  world = builderWorld(await processWorld(), {
    userOf: async () => null,
    owner: process.getuid?.() === 0 ? { uid: 64_003, gid: 64_003 } : null,
    clock: wallClock,
    packages: { recipeOf, env: {} },
    notify: (words) => void (words.includes("damaged") && said.push(words)),
  });
  builder = world.open();
});
afterEach(() => world.close());

const tasks = async () => (await world.runtime.observe(runtimeKey)).tasks.length;
const sets = () => readdirSync(join(world.directory, "whole/packages"));

/** Asks until it is built, as the engine does; what the install left there. */
async function built(
  files: Readonly<Record<string, string>>,
  { more = " && cat pk/stamp > built", environment = runtimeKey.environment, variable = "1" } = {},
) {
  const source = await admitFiles(builder, files);
  const spec = {
    ...artifactSpec(source, ["sh", "-c", `${install}${more}`]),
    digest: sha256(JSON.stringify([source, more, environment, variable])),
    env: { plain: { V: variable }, secret: {} },
  };
  const whom = { ...forWhom, key: { ...runtimeKey, environment } };
  let state = await builder.observe(spec.digest);
  for (let asked = 0; state.state === "absent" && asked < 3; asked += 1) {
    await builder.build(spec, whom);
    state = await builtOrNot(builder, spec.digest);
  }
  expect(state).toEqual({ state: "built" });
  const at = (name: string) => join(world.artifact(spec.digest), name);
  return { digest: spec.digest, at, text: (name: string) => readFileSync(at(name), "utf8") };
}

test("packages are installed again only when something changes that the install can read", async () => {
  const first = await built({ lock: "1", app: "1", both: "source" });
  expect(first.text("pk/seen")).toBe("lock\npk\n");
  expect(first.text("built")).toBe(first.text("pk/stamp"));
  expect(first.text("both")).toBe("source");
  expect(await tasks()).toBe(2);
  const second = await built({ lock: "1", app: "2" });
  expect([second.text("app"), second.text("built")]).toEqual(["2", first.text("built")]);
  expect(await tasks()).toBe(3);
  const others = [
    await built({ lock: "2", app: "1" }),
    await built({ lock: "1", app: "1" }, { variable: "2" }),
    await built({ lock: "1", app: "1" }, { environment: "staging" }),
  ];
  expect(new Set([first, ...others].map(({ text }) => text("pk/stamp"))).size).toBe(4);
});

test("where nothing is left to build, no command runs; the artifact shares the files, and nobody can change them", async () => {
  const first = await built({ lock: "1", app: "1" }, { more: "" });
  const second = await built({ lock: "1", app: "2", both: "source" }, { more: "" });
  expect(await tasks()).toBe(1);
  expect([second.text("app"), second.text("pk/stamp")]).toEqual(["2", first.text("pk/stamp")]);
  expect([second.text("both"), first.text("both")]).toEqual(["source", "x\n"]);
  expect(statSync(second.at("pk/stamp")).mode & 0o222).toBe(0);
  expect(statSync(second.at("pk/stamp")).ino).toBe(statSync(first.at("pk/stamp")).ino);
});

test("removing an artifact leaves the files whole that others share", async () => {
  const first = await built({ lock: "1", app: "1" }, { more: "" });
  const stamp = first.text("pk/stamp");
  await builder.remove({ digest: first.digest, what: "artifact" });
  const aside = join(world.directory, "aside");
  while (readdirSync(aside).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  builder = world.open();
  expect((await built({ lock: "1", app: "2" }, { more: "" })).text("pk/stamp")).toBe(stamp);
  expect(said).toEqual([]);
});

test("a set that was damaged is said and made again", async () => {
  const first = await built({ lock: "1", app: "1" });
  const stamp = join(world.directory, "whole/packages", sets()[0] ?? "", "pk/stamp");
  const { mode } = statSync(stamp);
  chmodSync(stamp, 0o600);
  truncateSync(stamp, 3);
  chmodSync(stamp, mode);
  builder = world.open();
  const second = await built({ lock: "1", app: "2" });
  expect(second.text("pk/stamp")).not.toBe(first.text("pk/stamp"));
  expect(said).toEqual([expect.stringMatching(/packages\/\w+ was changed or damaged on the disk/)]);
});

test("an install that fails without the source runs in the source", async () => {
  const { text } = await built({ lock: "1", needed: "1" });
  expect(text("pk/seen")).toBe("lock\nneeded\npk\n");
  expect(await tasks()).toBe(2);
  expect(sets()).toEqual([]);
});

test("a first step that was interrupted leaves no set, and is made again", async () => {
  const source = await admitFiles(builder, { lock: "1", app: "1" });
  await builder.list();
  const left = join(world.directory, "staging", "build-left");
  writeFileSync(left, "");
  const next = world.open();
  await next.list();
  expect(existsSync(left)).toBe(false);
  expect(sets()).toEqual([]);
  await next.build(artifactSpec(source, ["sh", "-c", install]), forWhom);
  expect((await builtOrNot(next, artifactSpec(source, ["sh", "-c", install]).digest)).state).toBe("absent");
  expect(sets()).toHaveLength(1);
});

test("an environment keeps its newest sets", async () => {
  for (const lock of ["1", "2", "3"]) await built({ lock, app: "1" }, { more: "" });
  await built({ lock: "1", app: "1" }, { environment: "staging", more: "" });
  expect(sets()).toHaveLength(4);
  await builder.list();
  expect(sets()).toHaveLength(3);
});
