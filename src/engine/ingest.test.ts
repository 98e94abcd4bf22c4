import { expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import { noRedactor } from "../base/redact.ts";
import type { EnvKey } from "../model/environment.ts";
import type { ObservedInstance } from "../model/instance.ts";
import type { LogBatch, LogOrigin, Trouble } from "../ports/logs.ts";
import type { Output, OutputRange, Runtime } from "../ports/runtime.ts";
import fc from "../testing/properties.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { SimulatedLogs } from "../testing/simulation/logs.ts";
import { LogIngest } from "./ingest.ts";
import type { Redactors } from "./redaction.ts";

const key = { app: "shop", environment: "production" };
const other = { app: "shop", environment: "staging" };

/** A log store on a disk that is full while `isFull` says so. */
class StoreOnFullDisk extends SimulatedLogs {
  isFull = () => false;
  #since: Trouble | null = null;

  #write(): void {
    this.#since = this.isFull() ? { since: 1, fault: new Fault("disk.full", "no space is left on the disk") } : null;
    if (this.#since) throw this.#since.fault;
  }

  override async append(batch: LogBatch): Promise<void> {
    this.#write();
    return super.append(batch);
  }

  override async position(origin: LogOrigin): Promise<number> {
    this.#write();
    return super.position(origin);
  }

  override trouble(): Trouble | null {
    return this.#since;
  }
}

/** Instances by name, of which each has written this to stderr; `read` takes the place of that. */
function world(written: Record<string, string>, read?: (name: string, range: OutputRange) => Promise<Output>) {
  const logs = new StoreOnFullDisk();
  const clock = new SimulatedClock();
  const said: string[] = [];
  const ofText = async (name: string, { stream, offset, limit }: OutputRange): Promise<Output> => ({
    at: offset,
    bytes: Buffer.from(stream === "stderr" ? (written[name] ?? "") : "").subarray(offset, offset + limit),
  });
  const runtime = { readOutput: read ?? ofText, releaseOutput: async () => undefined } as unknown as Runtime;
  const redactors = { of: async () => noRedactor } as unknown as Redactors;
  const notify = (_about: object, message: string) => void said.push(message);
  const start = () => new LogIngest({ runtime, logs, clock, redactors, log: { warn: notify, error: notify } });
  const linesOf = async (of = key) => (await logs.tail({ key: of }, 1e6)).lines.map(({ message }) => message);
  return { start, logs, clock, said, linesOf };
}

function seen(key: EnvKey, ...names: readonly string[]) {
  const instances = names.map((name) => ({ name, identity: { service: "web", release: 1 } }) as ObservedInstance);
  return { key, instances, tasks: [] };
}

/** Lets all the time pass that something waits for. */
async function pass(clock: SimulatedClock, rounds = 50): Promise<void> {
  for (; clock.nextAt() !== null; clock.step()) await settle(rounds);
  await settle(rounds);
}

const settle = async (rounds = 50) => {
  for (let i = 0; i < rounds; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

test("lines of level error or worse are counted by instance and environment, also by the next controller", async () => {
  const { start } = world({
    "web-1": 'INFO starts\n{"level":"error","msg":"no database"}\nFATAL gives up\nno errors here\n',
    "web-2": "INFO starts\n",
    "web-3": "ERROR elsewhere\n",
  });
  const first = start();
  first.watch(seen(key, "web-1", "web-2"));
  first.watch(seen(other, "web-3"));
  for (const name of ["web-1", "web-2", "web-3"]) await first.take(name);
  expect(first.read(key)).toEqual({ "web-1": 2, "web-2": 0 });
  expect(first.read(other)).toEqual({ "web-3": 1 });

  const second = start();
  second.watch(seen(key, "web-1"));
  await second.take("web-1");
  expect(second.read(key)).toEqual({ "web-1": 2 });
  await second.forget("web-1");
  expect(second.read(key)).toEqual({});
});

test("a store that takes nothing for a while loses and doubles no line, is told of once, and is tried again by itself", async () => {
  const written: Record<string, string> = { "web-1": "ERROR one\nhalf a", "web-2": "two\n" };
  const { start, logs, clock, said, linesOf } = world(written);
  const ingest = start();
  ingest.watch(seen(key, "web-1", "web-2"));
  for (const name of ["web-1", "web-2"]) await ingest.take(name);
  logs.isFull = () => true;
  written["web-1"] += " line\nERROR three\n";
  written["web-2"] += "four\n";
  for (let round = 0; round < 20; round += 1) {
    await ingest.sweep();
    clock.step();
    await settle();
  }
  expect(said).toEqual([expect.stringMatching(/cannot be stored \(no space is left on the disk\)/)]);
  expect(ingest.read(key)).toEqual({ "web-1": 1, "web-2": 0 });

  logs.isFull = () => false;
  await pass(clock);
  expect(await linesOf()).toEqual(["ERROR one", "two", "half a line", "ERROR three", "four"]);
  expect(ingest.read(key)).toEqual({ "web-1": 2, "web-2": 0 });
  expect(said).toEqual([expect.anything(), expect.stringMatching(/stored again/)]);
});

test("whatever is written, read and refused when, every line is stored once and in order", async () => {
  const results = fc.array(fc.boolean(), { maxLength: 40 });
  const lines = fc.array(fc.string({ unit: fc.constantFrom("a", "é", " ", "\r"), maxLength: 9 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(lines, results, fc.integer({ min: 1, max: 12 }), async (texts, refused, bite) => {
      const text = texts.map((line) => `${line}\n`).join("");
      const bytes = Buffer.from(text);
      const { start, logs, clock, linesOf } = world({}, async (_name, { stream, offset }) => ({
        at: offset,
        bytes: stream === "stdout" ? bytes.subarray(offset, offset + bite) : new Uint8Array(),
      }));
      let turn = 0;
      logs.isFull = () => refused[turn++] ?? false;
      const ingest = start();
      ingest.watch(seen(key, "web-1"));
      await ingest.take("web-1");
      const isStored = () =>
        ingest.finish("web-1").then(
          () => true,
          ({ code }: Fault) => code !== "operation.failed",
        );
      do await pass(clock, 5);
      while (!(await isStored()));
      expect(await linesOf()).toEqual(texts.map((line) => line.replace(/\r$/, "")));
    }),
    { numRuns: 60 },
  );
});

test("what is not stored to its end is not said to be, and is no hindrance for others", async () => {
  const { start, logs, clock, linesOf } = world({ "web-1": "one\nlast", "web-3": "three\n" });
  const ingest = start();
  ingest.watch(seen(key, "web-1"));
  logs.isFull = () => true;
  await expect(ingest.finish("web-1")).rejects.toMatchObject({ code: "operation.failed" });
  ingest.watch(seen(other, "web-3"));
  logs.isFull = () => false;
  await pass(clock);
  await ingest.finish("web-1");
  await ingest.take("web-3");
  expect(await linesOf()).toEqual(["one", "last"]);
  expect(await linesOf(other)).toEqual(["three"]);
});

/** Of `flood…` every read gives all that was asked for, without end; of others `written` is all. */
function flooded(text: string, written: string) {
  return world({}, async (name, { stream, offset, limit }) => {
    if (stream === "stderr") return { at: offset, bytes: new Uint8Array() };
    await new Promise((resolve) => setImmediate(resolve));
    const whole = name.startsWith("flood") ? Buffer.alloc(limit, text) : Buffer.from(written).subarray(offset);
    return { at: offset, bytes: whole };
  });
}

test.each([
  ["lines", `${"x".repeat(1_000)}\n`],
  ["one line that never ends", "x"],
  ["NUL", "\0"],
])("a flood of %s by forty holds up nobody else, is not waited for, and stops when told", async (_what, text) => {
  const { start, linesOf, clock } = flooded(text, "quiet\n");
  const ingest = start();
  const floods = Array.from({ length: 40 }, (_, i) => `flood-${i}`);
  ingest.watch(seen(key, ...floods, "quiet-beside"));
  ingest.watch(seen(other, "quiet"));
  let reading = floods.length;
  for (const name of floods) void ingest.take(name).then(() => (reading -= 1));
  await ingest.take("quiet");
  await ingest.take("quiet-beside");
  expect(await linesOf(other)).toEqual(["quiet"]);
  expect(reading).toBe(40);
  const ended = ingest.finish("flood-1").catch(({ code }: Fault) => code);
  await pass(clock, 5);
  expect(await ended).toBe("operation.failed");
  const closed = ingest.close();
  await pass(clock, 5);
  await closed;
  await settle();
  expect(reading).toBe(0);
});

test("a hole in the output is passed over in words, and a cut output is read anew", async () => {
  const pieces: Output[] = [
    { at: 0, bytes: Buffer.from("one\ntw\0\0") },
    { at: 10 * 1024 ** 4, bytes: Buffer.from("three\nfo") },
    { at: 0, bytes: Buffer.from("five\n") },
  ];
  const { start, logs, linesOf } = world({}, async (_name, { stream, offset }) => {
    const piece = stream === "stdout" ? pieces.shift() : undefined;
    return piece ?? { at: offset, bytes: new Uint8Array() };
  });
  const ingest = start();
  ingest.watch(seen(key, "web-1"));
  await ingest.take("web-1");
  expect(await linesOf()).toEqual([
    "one",
    "tw",
    expect.stringMatching(/^\[fairlead: skipped a hole of 10240\.0 GB in this output\]$/),
    "three",
    "fo",
    expect.stringMatching(/^\[fairlead: .* truncated /),
    "five",
  ]);
  expect(await logs.position({ name: "web-1", stream: "stdout" })).toBe(5);
});
