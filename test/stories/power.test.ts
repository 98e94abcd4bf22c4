import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sourceDigest } from "../../src/adapters/build/source/earlier.ts";
import { TableStore } from "../../src/adapters/edge/table/table-store.ts";
import { openLogs } from "../../src/adapters/logs/sqlite/open.ts";
import { openVault } from "../../src/adapters/vault/keyring/open.ts";
import { Fault, isErrno } from "../../src/base/faults.ts";
import { runChild } from "../../src/host/child.ts";
import { systemClock } from "../../src/main/clock.ts";
import { openStateJournal } from "../../src/main/journal.ts";
import { chance, isExhaustive, sample } from "../../src/testing/exhaustive.ts";
import { Disk, type Luck } from "../../src/testing/power/disk.ts";
import { readTrace, straceInto } from "../../src/testing/power/trace.ts";
import { City, until } from "./city.ts";
import { platform } from "./testbed.ts";

const manifest = `version: 1
app: beacon
build: { command: "sh -c 'mkdir -p made/deep && cp VERSION made/of && ln -s of made/l && date +%N > made/deep/time'" }
env:
  BEACON_VERSION: { default: "" }
  BEACON_FAULT: { default: "" }
  TOKEN: { secret: true, default: none }
services:
  web:
    run: node web.ts
    http: { port: 8000, ready: { path: /ready, within: 60s, every: 100ms, times: 1 } }
    stop: { drain: 100ms, within: 1s }
deploy: { watch: { for: 100ms } }
`;

/** What was answered, and so must be there after any later loss of power. */
type Answered = "up" | "set" | "live";

interface Recording {
  readonly disk: Disk;
  /** How many calls had come back before each answer. */
  readonly answered: ReadonlyMap<Answered, number>;
  /** The state directory as it became. */
  readonly state: string;
  readonly artifacts: ReadonlyMap<string, string>;
}

/** Starts a controller, sets a secret, and uploads, builds and deploys an app, all of it under strace(1). Everything is ended then. */
async function record(city: City): Promise<Recording> {
  const trace = join(city.state, "../trace");
  const times = new Map<Answered, number>();
  await city.startController(undefined, straceInto(trace));
  times.set("up", Date.now());
  expect(await city.fairlead("env", "set", "TOKEN=abc")).toMatchObject({ code: 0 });
  times.set("set", Date.now());
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  times.set("live", Date.now());
  await endTraced(city);
  const state = join(city.state, "../became");
  renameSync(city.state, state);
  const { calls, times: seen } = readTrace(readFileSync(trace, "latin1"), city.state);

  const answered = [...times].map(([what, time]) => [what, seen.findLastIndex((at) => at < time) + 1] as const);
  const artifacts = join(state, "store/whole/artifacts");
  return {
    disk: new Disk(city.state, calls),
    answered: new Map(answered),
    state,
    artifacts: new Map(readdirSync(artifacts).map((hex) => [hex, contentOf(join(artifacts, hex))])),
  };
}

/** Ends what is recorded. strace(1) ends by itself then, and has written everything down. */
async function endTraced(city: City): Promise<void> {
  await until(async () => {
    const traced = (await city.processes()).filter((pid) => !commandOf(pid).startsWith("strace\0"));
    for (const pid of traced) endNow(pid);
    return traced.length === 0;
  }, "everything has ended");
  await city.controllerEnded();
}

function endNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH")) throw thrown;
  }
}

function commandOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, "latin1") : "";
}

/** One digest for everything in a tree. */
function contentOf(directory: string): string {
  const hash = createHash("sha256");
  for (const name of (readdirSync(directory, { recursive: true }) as string[]).sort()) {
    const found = lstatSync(join(directory, name));
    const text = found.isFile()
      ? readFileSync(join(directory, name))
      : found.isSymbolicLink()
        ? readlinkSync(join(directory, name))
        : "";
    hash.update(`${name}\0${text.length}\0`).update(text);
  }
  return hash.digest("hex");
}

/** What has reached the disk of that which was not synced: nothing, everything, all names without content, or this and that, torn. */
const lucks: readonly ((cut: number) => Luck)[] = [
  () => ({ name: () => false, content: () => 0 }),
  () => ({ name: () => true, content: () => 1 }),
  () => ({ name: () => true, content: () => 0 }),
  (cut) => ({
    // A file system's own log has changes of names in their order.
    name: (at) => at <= cut - 40 * chance(cut, "names"),
    content: (at) => [0, 1, chance(cut, at, "torn")][Math.floor(3 * chance(cut, at))] ?? 0,
  }),
];

/** Looks with the readers that a controller has: what is there is whole, and what was answered is there. */
async function look(state: string, { artifacts }: Recording, isAnswered: (what: Answered) => boolean): Promise<void> {
  const below = (name: string) => (existsSync(join(state, name)) ? readdirSync(join(state, name)) : []);
  for (const hex of below("store/whole/sources"))
    expect(await sourceDigest(join(state, "store/whole/sources", hex))).toBe(`sha256:${hex}`);
  for (const hex of below("store/whole/artifacts"))
    expect(contentOf(join(state, "store/whole/artifacts", hex))).toBe(artifacts.get(hex));
  if (existsSync(join(state, "edge/tables"))) {
    const { tables, damaged } = await new TableStore(join(state, "edge/tables")).load();
    expect(damaged).toEqual([]);
    if (isAnswered("live")) expect(tables.flatMap(({ routes }) => routes)).not.toEqual([]);
  }
  const key = { app: "beacon", environment: "production" };
  const journal = await openStateJournal({ stateDirectory: state, engine: null, beginNew: false });
  const vault = openVault({ directory: state, masterKey: null, oldMasterKey: null });
  const sealed = await journal.values.sealedTexts({ after: null, limit: 10 });
  for (const one of sealed) vault.open(one.sealed, one);
  const releases = await journal.releases.page(key, { limit: 10 });
  const deployments = await journal.deployments.page(key, { limit: 10 });
  await journal.close();
  await (await openLogs(join(state, "logs.db"), systemClock)).close();
  if (isAnswered("set")) expect(sealed).toHaveLength(1);
  if (!isAnswered("live")) return;
  expect(releases).toHaveLength(1);
  expect(deployments).toMatchObject([{ phase: "ended" }]);
  expect(below("store/whole/sources")).toHaveLength(1);
  expect(below("store/whole/artifacts")).toEqual([...artifacts.keys()]);
}

/** Starts a real controller on what is left, and deploys the same once more. */
async function goOn(city: City): Promise<void> {
  await city.startController();
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  expect((await city.get("/version")).status).toBe(200);
  await until(async () => (await city.testbed.clear()) === 0, "everything has ended");
}

const mostCuts = 12;
/** Some 900 calls, a second each on a busy machine. */
const wholeMs = 3_600_000;
const realEvery = isExhaustive ? 40 : 12;

test(
  "power is cut at any write: nothing half counts as whole, what was answered is there, and the same deploy goes on",
  async ({ skip }) => {
    if (platform === "docker" || process.getuid?.() !== 0) skip("calls are recorded of plain processes of root");
    await using city = await City.found();
    await city.editManifest(() => manifest);
    const recording = await record(city);
    const { disk, answered, state } = recording;
    const everything = join(city.state, "../everything");
    disk.writeOut(disk.length, { name: () => true, content: () => 1 }, { to: everything, like: state });
    for (const name of ["store", "journal.db", "journal.db-wal", "vault.key", "edge/tables", "platform"])
      expect(await differences(join(everything, name), join(state, name))).toBe("");

    const cuts = sample(
      Array.from({ length: disk.length + 1 }, (_, cut) => cut),
      mostCuts,
    );
    const from = answered.get("up") ?? 0;
    for (const [index, cut] of cuts.entries()) {
      for (const [which, luck] of lucks.entries()) {
        const to = mkdtempSync(join(tmpdir(), "fairlead-power-"));
        rmSync(to, { recursive: true });
        disk.writeOut(cut, luck(cut), { to, like: state });
        const place = `call ${cut} of ${disk.length}, luck ${which}`;
        await look(to, recording, (what) => cut >= (answered.get(what) ?? 0)).catch((thrown) => {
          throw new Error(`${place}, in ${to}: ${thrown instanceof Fault ? thrown.detail : String(thrown)}`, {
            cause: thrown,
          });
        });
        rmSync(to, { recursive: true });
      }
      if (index % realEvery === 0) {
        disk.writeOut(Math.max(cut, from), (lucks[index % lucks.length] ?? lucks[0])?.(cut) as Luck, {
          to: city.state,
          like: state,
        });
        await goOn(city);
        rmSync(city.state, { recursive: true });
      }
    }
  },
  isExhaustive ? wholeMs : undefined,
);

/** In which files two trees are not the same. */
async function differences(one: string, other: string): Promise<string> {
  const { stdout, stderr } = await runChild(["diff", "-rq", "--no-dereference", one, other], { env: {} });
  return stdout + stderr;
}
