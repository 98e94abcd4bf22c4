import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { get, request } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { isExhaustive } from "../../src/testing/exhaustive.ts";
import { waitedMs } from "../../src/testing/waited.ts";
import { City, until } from "./city.ts";
import { call, instancesOf } from "./scene.ts";

/** An exhaustive run takes what a machine of its own can bear: forty sparse writers, 300,000 files, for a minute. */
const sizes = isExhaustive
  ? { sparse: 40, files: 300_000, depth: 40_000, directories: 145_000, forMs: 60_000 }
  : { sparse: 6, files: 15_000, depth: 2_000, directories: 20_000, forMs: 5_000 };
/** What `/readyz` may take at the 99th percentile, apart from what the machine makes it wait for. */
const readyMs = 250;
const stopMs = 10_000;

const programs: Readonly<Record<string, string>> = {
  // A hole of ten terabytes again and again, a word behind each, and then lines without end.
  "sparse.mjs": `
import { fstatSync, ftruncateSync, writeSync } from "node:fs";
for (let i = 0; i < 20; i += 1) {
  if (fstatSync(1).size < 8 * 2 ** 40) ftruncateSync(1, fstatSync(1).size + 2 ** 38);
  writeSync(1, "behind hole " + i + "\\n");
}
ftruncateSync(2, 10 * 2 ** 40);
setInterval(() => {}, 1_000);
`,
  "flood.mjs": `
const line = "an endless line of NUL " + "\\0".repeat(100_000);
for (;;) if (!process.stdout.write(line)) await new Promise((drained) => process.stdout.once("drain", drained));
`,
  "hoard.mjs": `
import { mkdirSync, writeFileSync } from "node:fs";
process.chdir(process.env.TMPDIR);
try { for (let i = 0; i < ${sizes.files}; i += 1) writeFileSync("f" + i, ""); } catch (e) { console.log(String(e.code)); }
try { for (let i = 0; i < ${sizes.depth}; i += 1) { mkdirSync("d"); process.chdir("d"); } } catch (e) { console.log(String(e.code)); }
setInterval(() => {}, 1_000);
`,
  "crash.mjs": "setInterval(() => {}, 1_000);",
  "web.mjs": `
import { createServer } from "node:http";
createServer((_request, response) => response.end("ok")).listen(Number(process.env.PORT));
`,
};

const manifest = `version: 1
app: beacon
services:
  web:
    run: node web.mjs
    http:
      port: 8000
      ready: { path: /, within: 60s, every: 200ms, times: 1 }
      alive: { path: /, every: 1s, failures: 3 }
  sparse: { run: node sparse.mjs, replicas: ${sizes.sparse}, settle: 100ms, stop: { within: 1s } }
  flood: { run: node flood.mjs, settle: 100ms, stop: { within: 1s } }
  hoard: { run: node hoard.mjs, settle: 100ms, stop: { within: 1s } }
  crash: { run: node crash.mjs, settle: 100ms, stop: { within: 1s } }
deploy: { watch: { for: 0s } }
`;

function percentile99(took: readonly number[]): number {
  return [...took].sort((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}

/**
 * How long the controller took for each of many answers, in milliseconds, and which of them were wrong. What it or this
 * process waited for a processor that others had is no time of the controller's; `synced` is how long a synced write took.
 */
class Watch {
  readonly took: number[] = [];
  readonly synced: number[] = [];
  readonly wrong: string[] = [];
  readonly #city: City;
  #ended = false;
  readonly #running: Promise<unknown>;

  constructor(city: City) {
    this.#city = city;
    this.#running = Promise.all([this.#ask(), this.#sync()]);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }

  async #ask(): Promise<void> {
    const waited = async () => (await waitedMs(this.#city.controllerPid)) + (await waitedMs());
    while (!this.#ended) {
      const before = await waited();
      const begun = performance.now();
      await call(this.#city, { path: "/readyz" }).then(
        ({ status }) => status === 200 || this.wrong.push(`${status}`),
        (error) => this.wrong.push(String(error)),
      );
      const took = performance.now() - begun;
      this.took.push(took - ((await waited()) - before));
      await new Promise((next) => setTimeout(next, 20));
    }
  }

  async #sync(): Promise<void> {
    await using file = await open(join(this.#city.state, "../synced"), "a");
    while (!this.#ended) {
      const begun = performance.now();
      await file.write("x");
      await file.sync();
      this.synced.push(performance.now() - begun);
      await new Promise((next) => setTimeout(next, 50));
    }
  }
}

/** The head of a tar entry (POSIX.1, ustar). */
function header(name: string): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write("0000644\0", 100);
  block.write("00000000000\0", 124);
  block.write("        0", 148);
  block.write("ustar\0" + "00", 257);
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** An archive whose few files stand in so many directories. */
function manyDirectories(): Buffer {
  const files = Array.from({ length: sizes.directories / 40 }, (_, i) => header(`${i}/${"d/".repeat(39)}f`));
  return gzipSync(Buffer.concat([...files, Buffer.alloc(1_024)]));
}

/** A search through everything, whose asker goes away at once. */
function abandonSearch(city: City): void {
  const path = "/v1/apps/beacon/environments/production/logs?tail=10000&grep=(n|o)thing.%2Blike.%2Bthis";
  const asking = get({ socketPath: join(city.state, "controller.sock"), path, agent: false });
  asking.on("error", () => undefined);
  setTimeout(() => asking.destroy(), 100);
}

async function isUpAgain(city: City, service: string): Promise<boolean> {
  return (await instancesOf(city, service)).some(({ restarts, ready }) => restarts > 0 && ready);
}

/** Kills the processes of the city that run this program. */
async function kill(city: City, program: string): Promise<void> {
  for (const pid of await city.processes()) {
    const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    if (line.split("\0")[1] === program) process.kill(pid, "SIGKILL");
  }
}

test("under sparse output, floods, hoards, searches and odd archives the controller answers, restarts what crashed, kills nothing healthy, and stops", async () => {
  await using city = await City.found();
  await mkdir(city.app, { recursive: true });
  for (const [name, text] of Object.entries(programs)) await writeFile(join(city.app, name), text);
  await city.editManifest(() => manifest);
  await city.startController();
  const { id } = await city.beginDeploy();
  await until(
    async () => (await city.api.call("deployment", { params: { id } })).deployment.status === "live",
    "it is live",
  );
  const [healthy] = await instancesOf(city, "web");

  const ready = new Watch(city);
  const archive = manyDirectories();
  const digest = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
  await kill(city, "crash.mjs");
  await kill(city, "hoard.mjs");
  const end = Date.now() + sizes.forMs;
  while (Date.now() < end) {
    for (let i = 0; i < 5; i += 1) abandonSearch(city);
    await upload(city, digest, archive);
    await new Promise((next) => setTimeout(next, 250));
  }
  for (const service of ["crash", "hoard"])
    await until(async () => await isUpAgain(city, service), `${service} is started again`);
  await ready.end();
  expect(ready.wrong).toEqual([]);
  // Every commit of the journal is a synced write, and others may keep the disk busy.
  expect(percentile99(ready.took)).toBeLessThan(readyMs + percentile99(ready.synced));
  const [still] = await instancesOf(city, "web");
  expect([still?.id, still?.restarts, still?.ready]).toEqual([healthy?.id, 0, true]);
  await until(async () => (await behindHoles(city)) === 20, "what was written behind holes is in the log");

  for (let i = 0; i < 5; i += 1) abandonSearch(city);
  const followers = [city.startFairlead({}, "logs", "-f"), city.startFairlead({}, "logs", "-f", "--grep", "n.thing")];
  const stopped = Date.now();
  await city.killController("SIGTERM");
  expect(Date.now() - stopped).toBeLessThan(stopMs);
  await Promise.all(followers.map(ended));
});

/** How many of the words behind holes one instance's log has. */
async function behindHoles(city: City): Promise<number> {
  const [one] = await instancesOf(city, "sparse");
  const query = `tail=10000&instance=${one?.id}&grep=behind`;
  const { body } = await call(city, { path: `/v1/apps/beacon/environments/production/logs?${query}` });
  return (JSON.parse(body) as { lines: unknown[] }).lines.length;
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill("SIGINT");
  if (child.exitCode === null && child.signalCode === null) await new Promise((done) => child.once("exit", done));
}

/** It is refused, sooner or later: what counts is what it does to others meanwhile. */
async function upload(city: City, digest: string, archive: Buffer): Promise<void> {
  const socketPath = join(city.state, "controller.sock");
  await new Promise<void>((done) => {
    request({ socketPath, path: `/v1/sources/${digest}`, method: "PUT", agent: false })
      .once("response", (response) => response.resume().once("end", done))
      .once("error", () => done())
      .end(archive);
  });
}
