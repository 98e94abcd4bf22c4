import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { detect } from "../../../detect/detect.ts";
import { startChild } from "../../../host/child.ts";
import type { ArtifactSpec } from "../../../model/release.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { outputOf, runtimeKey, until } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld } from "../../runtime/process/world.ts";
import type { DockerBuilder, DockerBuilderOptions } from "./builder.ts";
import { imageOf } from "./images.ts";
import { dockerBuildWorld } from "./world.ts";

const socket = testEngine();
const from = `FROM ${testImages.debian}\n`;

interface Inspected {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly Config: { readonly Labels: Readonly<Record<string, string>>; readonly Env: readonly string[] };
}

describe.skipIf(socket === null)(`images on an engine (else: ${noEngine})`, () => {
  let world: ReturnType<typeof dockerBuildWorld>;
  let builder: DockerBuilder;

  const begin = async (more: Partial<DockerBuilderOptions> = {}) => {
    world = dockerBuildWorld(await processWorld(), {
      socket: socket ?? "",
      base: testImages.debian,
      clock: wallClock,
      more,
    });
    builder = world.open();
  };
  beforeEach(() => begin());
  afterEach(() => world.close());

  const unique = () => randomBytes(6).toString("hex");
  /** Builds to the end; the answer has the state, and what the build printed. */
  const make = async (files: Readonly<Record<string, string>>, more: Partial<ArtifactSpec> = {}) => {
    const plain = artifactSpec(await admitFiles(builder, files), null);
    const spec = { ...plain, ...more, digest: more.digest ?? plain.digest };
    await builder.build(spec, forWhom);
    const state = await builtOrNot(builder, spec.digest);
    return { spec, state, log: await logOf(spec) };
  };
  const logOf = async ({ digest }: ArtifactSpec) => {
    const { tasks } = await world.runtime.observe(runtimeKey);
    const task = tasks.findLast(({ spec }) => spec.artifact === digest);
    return outputOf(world.runtime, task?.name ?? "none");
  };
  const inspect = (digest: string) => world.engine.json<Inspected>("GET", `/images/${imageOf(digest)}/json`);

  test("an image has its artifact's name, and labels that say what it is and whose", async () => {
    const { spec, state } = await make({ Dockerfile: `${from}LABEL fairlead.artifact=another`, a: unique() });
    expect(state).toEqual({ state: "built" });
    const { RepoTags, Config } = await inspect(spec.digest);
    expect(RepoTags).toEqual([imageOf(spec.digest)]);
    expect(Config.Labels).toMatchObject({
      "fairlead.artifact": spec.digest,
      "fairlead.installation": world.installation,
      "org.opencontainers.image.revision": spec.source,
      "org.opencontainers.image.version": "v3",
      "org.opencontainers.image.created": expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  test("the manifest chooses the Dockerfile, its target and its arguments", async () => {
    const recipe = `${from}ARG WHO=nobody\nENV TOLD=$WHO\nFROM 0 AS wanted\nENV AT=wanted\nFROM 0\nENV AT=last\n`
      .replace(from, `FROM ${testImages.debian} AS first\n`)
      .replaceAll("FROM 0", "FROM first");
    const { spec, state } = await make(
      { "docker/web.Dockerfile": recipe, Dockerfile: "FROM nothing-of-the-kind" },
      { dockerfile: "docker/web.Dockerfile", target: "wanted", args: { WHO: "a b=c\"'$" } },
    );
    expect(state).toEqual({ state: "built" });
    expect((await inspect(spec.digest)).Config.Env).toEqual(expect.arrayContaining(["AT=wanted", "TOLD=a b=c\"'$"]));
  });

  test("a Dockerfile that is named and not there is refused, and one that cannot be read fails in words", async () => {
    const spec = artifactSpec(await admitFiles(builder, { Dockerfile: from }), null);
    await expect(builder.build({ ...spec, dockerfile: "none" }, forWhom)).rejects.toMatchObject({
      code: "source.unsafe",
      detail: expect.stringContaining("none"),
    });
    const { state } = await make({ Dockerfile: `${from}RUM echo` });
    expect(state).toMatchObject({ state: "failed", detail: expect.stringContaining("RUM") });
  });

  test("a change of the source alone does not install the dependencies again", async () => {
    const nonce = unique();
    const recipe = `${from}WORKDIR /app\nCOPY deps .\nRUN echo installing ${nonce}\nCOPY . .\nRUN cat main; ls -l deps\n`;
    const before = await make({ Dockerfile: recipe, deps: "left-pad", main: "one" });
    expect(before.log).toMatch(new RegExp(`#\\d+ installing ${nonce}`));
    // Another second, so that the times in the archive are others.
    const second = Math.floor(Date.now() / 1_000);
    await until(() => Math.floor(Date.now() / 1_000) !== second);
    const after = await make({ Dockerfile: recipe, deps: "left-pad", main: "two" });
    const [, number] = new RegExp(`#(\\d+) \\[.*RUN echo installing ${nonce}`).exec(after.log) ?? [];
    expect(after.log).toContain(`#${number} CACHED`);
    expect(after.log).not.toMatch(new RegExp(`#\\d+ installing ${nonce}`));
    expect(after.log).toMatch(/#\d+ two/);
    const other = await make({ Dockerfile: recipe, deps: "right-pad", main: "two" });
    expect(other.log).toMatch(new RegExp(`#\\d+ installing ${nonce}`));
  });

  test(".dockerignore of the context holds as Docker means it, and the Dockerfile stays usable", async () => {
    const recipe = `${from}ENV TRY=${unique()}\nWORKDIR /w\nCOPY . .\nRUN find . -type f | sort | xargs echo found\n`;
    const { state, log } = await make(
      {
        "web/.dockerignore": "Dockerfile\n*.md\ndocs\n!docs/keep.txt\n/top\n**/*.bak\n.dockerignore\n",
        "web/Dockerfile": recipe,
        ...Object.fromEntries(
          ["README.md", "sub/README.md", "docs/a", "docs/keep.txt", "top", "sub/top", "sub/a.bak"].map((at) => [
            `web/${at}`,
            "x",
          ]),
        ),
        outside: "x",
      },
      { context: "web" },
    );
    expect(state).toEqual({ state: "built" });
    expect(log).toMatch(/found \.\/Dockerfile \.\/docs\/keep\.txt \.\/sub\/README\.md \.\/sub\/top\n/);
  });

  test("without a Dockerfile one is made by detection, and it is in the log", async () => {
    await world.close();
    const recipeOf: typeof detect = ({ paths, read }, { base }) =>
      paths.includes("package.json")
        ? {
            dockerfile: `FROM ${base.node}\nCOPY package.json .\nRUN echo ${read("package.json")}\n`,
            language: "node",
            summary: "Node with npm",
            warnings: ["no lock file"],
            services: [],
            variables: [],
            evidence: "declared",
            build: null,
            firstStep: null,
            needs: [],
          }
        : { lookedFor: ["package.json", "index.html"] };
    await begin({ recipeOf });
    const found = await make({ "package.json": unique() }, { base: { node: testImages.debian } });
    expect(found.state).toEqual({ state: "built" });
    expect(found.log).toContain("no Dockerfile: Node with npm\nwarning: no lock file\n| FROM fairlead-test/debian");
    const lost = await make({ a: "1" });
    expect(lost.state).toMatchObject({
      state: "failed",
      code: "build.unrecognised",
      detail: expect.stringContaining("looked for package.json, index.html"),
    });
  });

  test("an image that vanished is absent, and is built again from the cache", async () => {
    const { spec } = await make({ Dockerfile: from, a: unique() });
    await world.engine.json("DELETE", `/images/${imageOf(spec.digest)}`);
    expect(await builder.observe(spec.digest)).toEqual({ state: "absent" });
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
  });

  test("only our own images are listed and taken away, and never a name that somebody else gave", async () => {
    const { spec } = await make({ Dockerfile: from, a: unique() });
    const tag = { repo: `test-${world.installation}`, tag: "theirs" };
    await world.engine.json("POST", `/images/${imageOf(spec.digest)}/tag`, { query: tag });
    const foreign = `sha256:${randomBytes(32).toString("hex")}`;
    const as = { repo: "fairlead-artifact", tag: foreign.slice(7) };
    await world.engine.json("POST", `/images/${testImages.debian}/tag`, { query: as });
    try {
      expect((await builder.list()).filter(({ what }) => what === "artifact")).toMatchObject([{ digest: spec.digest }]);
      await builder.remove({ digest: foreign, what: "artifact" });
      expect(await world.image(imageOf(foreign))).not.toBeNull();
      await builder.remove({ digest: spec.digest, what: "artifact" });
      expect(await world.image(imageOf(spec.digest))).toBeNull();
      expect(await world.image(`${tag.repo}:${tag.tag}`)).not.toBeNull();
    } finally {
      await world.engine.json("DELETE", `/images/${imageOf(foreign)}`);
    }
  });

  test("what another installation on the engine built of equal input is used, and stays its own", async () => {
    const files = { Dockerfile: from, a: unique() };
    const { spec } = await make(files);
    const other = dockerBuildWorld(await processWorld(), {
      socket: socket ?? "",
      base: testImages.debian,
      clock: wallClock,
    });
    try {
      const theirs = other.open();
      await admitFiles(theirs, files);
      expect(await theirs.observe(spec.digest)).toEqual({ state: "built" });
      await theirs.build(spec, forWhom);
      expect(await theirs.builds.tasks(runtimeKey)).toEqual([]);
      expect((await theirs.list()).map(({ what }) => what)).toEqual(["source"]);
      await theirs.remove({ digest: spec.digest, what: "artifact" });
      expect(await builder.observe(spec.digest)).toEqual({ state: "built" });
    } finally {
      await other.close();
    }
  });

  test("a build that is ended leaves no process behind on the engine", async () => {
    const mark = `1000.${Date.now()}${process.pid}`;
    const { files } = world.told({}, `sleep ${mark}`);
    const spec = artifactSpec(await admitFiles(builder, files), null);
    await builder.build(spec, forWhom);
    await until(() => running(`sleep ${mark}`) > 0);
    const [task] = (await world.runtime.observe(runtimeKey)).tasks;
    await world.runtime.signal(task?.name ?? "", "SIGKILL");
    await until(() => running(`sleep ${mark}`) === 0);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "absent" });
  });

  test("a build of a controller that died is absent, its task lost, and is begun anew", async () => {
    const mark = `0.${Date.now()}${process.pid}`;
    const { files } = world.told({}, `[ -e /never ] || sleep 7${mark}`);
    const spec = artifactSpec(await admitFiles(builder, files), null);
    const controller = startChild([process.execPath, "--input-type=module", "--eval", dyingController(spec)], {
      env: {},
      stdio: ["ignore", "inherit", "inherit"],
    });
    await until(() => running(`sleep 7${mark}`) > 0);
    controller.kill("SIGKILL");
    await until(() => running(`sleep 7${mark}`) === 0);
    const next = world.open();
    expect(await next.observe(spec.digest)).toEqual({ state: "absent" });
    expect(await next.builds.tasks(runtimeKey)).toMatchObject([{ exit: { reason: "lost" } }]);
    await next.build(spec, forWhom);
    expect((await next.observe(spec.digest)).state).toBe("building");
  });

  /** What a controller does until it dies: opens the same place and begins a build. */
  const dyingController = (spec: ArtifactSpec) => `
    const { dockerBuilder } = await import(${JSON.stringify(import.meta.resolve("./builder.ts"))});
    const { ContainerEngine } = await import(${JSON.stringify(import.meta.resolve("../../../host/engine.ts"))});
    const clock = { now: () => Date.now(), after: (ms, then) => { const t = setTimeout(then, ms); return () => clearTimeout(t); } };
    const builder = dockerBuilder({
      engine: new ContainerEngine(${JSON.stringify(socket)}), directory: ${JSON.stringify(world.directory)},
      installation: ${JSON.stringify(world.installation)}, clock, recipeOf: () => ({ lookedFor: [] }),
      limits: { memoryBytes: null, cpus: null }, room: { reserveBytes: 0, floorBytes: 0 },
      atOnce: 1, docker: null, ways: ["buildkit"],
    });
    await builder.build(${JSON.stringify(spec)}, ${JSON.stringify(forWhom)});`;
});

/** How many processes have these words in their command line; what runs in containers is seen from outside. */
function running(words: string): number {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandLine(pid) === words).length;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown) return "";
    throw thrown;
  }
}
