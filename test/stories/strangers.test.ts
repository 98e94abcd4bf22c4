import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runChild } from "../../src/host/child.ts";
import { firstClosed } from "../../src/main/user.ts";
import { isExhaustive, sample } from "../../src/testing/exhaustive.ts";
import { findProgram } from "../../tools/engine/programs.ts";
import { type GoldenCase, goldenCases, judgeGolden } from "../cases/golden.ts";
import { City, type DeploymentJson, root, until } from "./city.ts";
import { platform } from "./testbed.ts";

// Repositories of people who never heard of Fairlead, one a `.case` file: what is known of it, its files as `== path`, a
// line `----`, and what `init` prints and writes. Before the first file, one a line:
//   made by: ["npx","…"]          what makes it in an empty directory, in an exhaustive run; its files come after
//   needs: go                     a program on plain processes; where it lacks, only an exhaustive run skips the case
//   only: containers, why         it cannot run as a plain process
//   nightly: why                  what costs too much for a run that is not exhaustive
//   set: NAME=value               what a person sets after `init`, before the first deployment
//   page: /path 200 words         a page that is asked for through the edge, and what its body contains
//   logs: service words           what a service without a page writes
// UPDATE=1 rewrites what is expected; read the difference before you keep it.

const directory = join(root, "test/strangers");
const here = platform === "docker" ? "containers" : "processes";

interface Stranger {
  readonly name: string;
  readonly golden: GoldenCase;
  readonly facts: ReadonlyMap<string, readonly string[]>;
  readonly files: readonly (readonly [path: string, text: string])[];
}

const strangers = goldenCases(directory).map((golden): Stranger => {
  const [head = "", ...sections] = golden.text.split(/^== /m);
  const facts = new Map<string, string[]>();
  for (const [, key = "", value = ""] of head.matchAll(/^([a-z ]+): (.+)$/gm)) {
    facts.set(key, [...(facts.get(key) ?? []), value]);
  }
  const files = sections.map((section) => {
    const end = section.indexOf("\n");
    return [section.slice(0, end), section.slice(end + 1)] as const;
  });
  return { name: basename(golden.file, ".case"), golden, facts, files };
});

/** How this machine reaches the registries of packages. */
const waysOut =
  /^(?:NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR)|PIP_(?:CERT|INDEX_URL|FIND_LINKS)|REQUESTS_CA_BUNDLE|GOPROXY|\w+_proxy)$/i;

/** The program that this machine lacks for a stranger; apps of other users do not reach what root has in its home. */
const missing = ({ facts }: Stranger): string | undefined =>
  facts.get("needs")?.find((program) => {
    if (here === "containers") return false;
    const path = findProgram(program);
    return path === null || (process.getuid?.() === 0 && firstClosed(path) !== null);
  });

/** The tests have base images of these languages (tools/engine/recipes.ts), and Dockerfiles for them. */
const hasImage = /^(?:node|python|static|docker)-/;

/** A part of the table is drawn from what this machine can build: a machine without Go need not skip what it drew. */
const able = strangers.filter((one) => {
  const fits = here === "containers" ? hasImage.test(one.name) : !one.facts.has("only");
  const costly = one.facts.has("nightly") || one.facts.has("made by");
  return fits && (isExhaustive || (!costly && missing(one) === undefined));
});

let city: City;

beforeAll(async () => {
  const ways = Object.entries(process.env).filter(([name]) => waysOut.test(name)) as [string, string][];
  city = await City.found("beacon", [], Object.fromEntries(ways));
  await city.startController();
});
afterAll(async () => city?.[Symbol.asyncDispose]());

const drawn = sample(able, here === "containers" ? 2 : 3);

test.concurrent.for(drawn)("$name: what init writes is live, unchanged", async (stranger, { skip }) => {
  const { name, facts, golden } = stranger;
  const lacks = missing(stranger);
  if (lacks !== undefined) skip(`no ${lacks} on this machine`);
  const app = join(dirname(city.app), name);
  await settle(stranger, app);
  const fairlead = (...args: readonly string[]) => city.fairleadIn(app, ...args);

  const init = await fairlead("init", "--yes");
  expect(init.code, init.stderr).toBe(0);
  const manifest = await readFile(join(app, "fairlead.yml"), "utf8");
  // What programs this machine lacks is no part of what is expected.
  const said = init.stderr.split("\n").filter((line) => /^(?:warning: (?!for plain processes: )|ignored:)/.test(line));
  judgeGolden(directory, golden, [...said, manifest].join("\n"));
  await writeFile(join(app, "fairlead.yml"), city.testbed.adapt(manifest));
  for (const value of facts.get("set") ?? []) await fairlead("env", "set", value);

  const { code, stdout, stderr } = await fairlead("deploy", "--json");
  expect(code, `${stdout}${stderr}`).toBe(0);
  expect((JSON.parse(stdout) as DeploymentJson).deployment).toMatchObject({ status: "live", fault: null });
  for (const asked of facts.get("page") ?? []) {
    const [path = "/", status = "200", ...words] = asked.split(" ");
    const answer = await city.get(path, `web.${name}.localhost`);
    expect([answer.status, answer.body]).toEqual([Number(status), expect.stringContaining(words.join(" "))]);
  }
  for (const expected of facts.get("logs") ?? []) {
    const [service = "", ...words] = expected.split(" ");
    const wanted = words.join(" ");
    await until(
      async () => (await fairlead("logs", service)).stdout.includes(wanted),
      `${service} writes ${wanted}`,
      60_000,
    );
  }
  const down = await fairlead("down", "-y");
  expect(down.code, down.stderr).toBe(0);
});

async function settle({ facts, files }: Stranger, app: string): Promise<void> {
  await mkdir(app);
  for (const maker of facts.get("made by") ?? []) {
    const env = { ...(process.env as Record<string, string>), CI: "1" };
    const made = await runChild(JSON.parse(maker) as [string, ...string[]], { env, cwd: app, limit: 1_048_576 });
    expect(made.code, made.stderr).toBe(0);
  }
  for (const [path, text] of files) {
    await mkdir(dirname(join(app, path)), { recursive: true });
    await writeFile(join(app, path), text);
    if (text.startsWith("#!")) await chmod(join(app, path), 0o755);
  }
}
