import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { installationId } from "../../../host/installation.ts";
import fc from "../../../testing/properties.ts";
import { exitOfEnd } from "./ends.ts";
import { containerPorts } from "./looks.ts";
import { freePrefixes, rangeOf } from "./networks.ts";
import { Spool } from "./spool.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-parts-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

interface Logged {
  readonly stream: "stdout" | "stderr";
  readonly stamp: string;
  readonly text: string;
}

const stampOf = (tick: number) =>
  `2026-11-25T02:03:${String(10 + Math.floor(tick / 50)).padStart(2, "0")}.${String((tick % 50) * 20_000_000 + 1).padStart(9, "0")}Z`;
const frame = ({ stamp, text }: Logged) => Buffer.from(`${stamp} ${text}`);
const output = (stream: "out" | "err") => readFileSync(join(directory, `${stream}.log`), "utf8");

/** What an engine gives that is asked for a log from some second on. */
const from = (log: readonly Logged[], second: number) =>
  log.filter(({ stamp }) => Date.parse(`${stamp.slice(0, 23)}Z`) / 1_000 >= second);

/** Frames whose times wander a little, are sometimes equal, and come in both streams. */
const logs = fc
  .array(fc.record({ step: fc.integer({ min: 0, max: 3 }), back: fc.integer({ min: 0, max: 2 }), err: fc.boolean() }), {
    maxLength: 60,
  })
  .map((steps) => {
    let tick = 10;
    return steps.map(({ step, back, err }, i): Logged => {
      tick += step;
      return { stream: err ? "stderr" : "stdout", stamp: stampOf(tick - back), text: `line ${i}\n` };
    });
  });

describe("the files of a container's output", () => {
  const whole = (log: readonly Logged[], stream: Logged["stream"]) =>
    log
      .filter((each) => each.stream === stream)
      .map(({ text }) => text)
      .join("");

  test("hold everything once, wherever its reader dies and however much it had kept of where it was", () => {
    const cuts = fc.array(fc.record({ read: fc.integer({ min: 0, max: 40 }), saved: fc.boolean() }), { maxLength: 5 });
    fc.assert(
      fc.property(logs, cuts, (log, lives) => {
        for (const file of ["out.log", "err.log", "position.json"]) rmSync(join(directory, file), { force: true });
        for (const { read, saved } of [...lives, { read: 1_000, saved: true }]) {
          const spool = new Spool(directory);
          const frames = from(log, spool.rewind());
          for (const each of frames.slice(0, read / 2)) spool.takeLog(each.stream, frame(each));
          if (saved) spool.save();
          for (const each of frames.slice(read / 2, read)) spool.takeLog(each.stream, frame(each));
          spool.flush();
          spool.close();
        }
        expect([output("out"), output("err")]).toEqual([whole(log, "stdout"), whole(log, "stderr")]);
      }),
    );
  });

  test("go on with what is left of a log whose beginning was thrown away", () => {
    const log = Array.from(
      { length: 400 },
      (_, i): Logged => ({ stream: "stdout", stamp: stampOf(i), text: `${i}\n` }),
    );
    const first = new Spool(directory);
    for (const each of log.slice(0, 100)) first.takeLog(each.stream, frame(each));
    first.save();
    first.close();
    const second = new Spool(directory);
    for (const each of from(log.slice(300), second.rewind())) second.takeLog(each.stream, frame(each));
    second.save();
    second.close();
    expect(output("out")).toBe([...log.slice(0, 100), ...log.slice(300)].map(({ text }) => text).join(""));
  });

  test("hold bytes as they were, and a log of the same only adds what is missing", () => {
    const bytes = Buffer.from([0xff, 0x00, 0x0a, 0x41]);
    const first = new Spool(directory);
    first.takeRaw("stdout", bytes);
    first.flush();
    first.close();
    const second = new Spool(directory);
    const log = [bytes, Buffer.from("more\n")].map((text) => Buffer.concat([Buffer.from(`${stampOf(1)} `), text]));
    for (const each of log) second.takeLog("stdout", each);
    second.save();
    second.close();
    expect(readFileSync(join(directory, "out.log"))).toEqual(Buffer.concat([bytes, Buffer.from("more\n")]));
  });

  test("go on by time after bytes that came past a log whose beginning was thrown away", () => {
    const log = Array.from(
      { length: 400 },
      (_, i): Logged => ({ stream: "stdout", stamp: stampOf(i), text: `${i}\n` }),
    );
    const first = new Spool(directory);
    for (const { text } of log.slice(0, 200)) first.takeRaw("stdout", Buffer.from(text));
    expect(first.wantsFirst).toBe(true);
    first.setFirst(frame(log[0] as Logged));
    expect(first.wantsFirst).toBe(false);
    first.save();
    first.close();
    const last = Date.parse(`${stampOf(199).slice(0, 23)}Z`) / 1_000;
    for (const file of ["out.log", "err.log"]) utimesSync(join(directory, file), last, last);
    const second = new Spool(directory);
    for (const each of from(log.slice(100), second.rewind())) second.takeLog(each.stream, frame(each));
    second.save();
    second.close();
    expect(output("out")).toBe(log.map(({ text }) => text).join(""));
  });

  test("go on by number of bytes while the log still begins where it began", () => {
    const log = Array.from(
      { length: 400 },
      (_, i): Logged => ({ stream: "stdout", stamp: stampOf(i), text: `${i}\n` }),
    );
    const first = new Spool(directory);
    for (const { text } of log.slice(0, 200)) first.takeRaw("stdout", Buffer.from(text));
    first.setFirst(frame(log[0] as Logged));
    first.save();
    first.close();
    const second = new Spool(directory);
    for (const each of from(log, second.rewind())) second.takeLog(each.stream, frame(each));
    second.save();
    second.close();
    expect(output("out")).toBe(log.map(({ text }) => text).join(""));
  });

  test("keep their offsets where a loss of power took their last bytes", () => {
    const log = Array.from({ length: 10 }, (_, i): Logged => ({ stream: "stdout", stamp: stampOf(i), text: `${i}\n` }));
    const first = new Spool(directory);
    for (const each of log.slice(0, 5)) first.takeLog(each.stream, frame(each));
    first.save();
    first.close();
    truncateSync(join(directory, "out.log"), 6);
    const second = new Spool(directory);
    for (const each of from(log, second.rewind())) second.takeLog(each.stream, frame(each));
    second.save();
    second.close();
    expect(output("out").slice(10)).toBe("5\n6\n7\n8\n9\n");
  });
});

describe("ranges", () => {
  test("are read from CIDR, and what is none is left out", () => {
    expect(rangeOf("10.222.3.77/24")).toEqual({ from: 0x0ade0300, to: 0x0ade03ff });
    expect(rangeOf("0.0.0.0/0")).toEqual({ from: 0, to: 2 ** 32 - 1 });
    expect(rangeOf("fe80::1/64")).toBeNull();
  });

  test("that are taken by larger or smaller networks are not free", () => {
    expect(freePrefixes(["10.222.0.0/17", "10.222.200.128/30", "172.17.0.0/16", ""], 199).slice(0, 3)).toEqual([
      "10.222.199",
      "10.222.201",
      "10.222.202",
    ]);
    expect(freePrefixes(["10.0.0.0/8"], 0)).toEqual([]);
  });
});

describe("ends", () => {
  test.each([
    [{ code: 0, isOutOfMemory: true }, false, { code: 0, reason: "exited" }],
    [{ code: 137, isOutOfMemory: true }, false, { code: null, signal: "SIGKILL", reason: "out-of-memory" }],
    [{ code: 137, isOutOfMemory: true }, true, { code: null, signal: "SIGKILL", reason: "signalled" }],
    [{ code: 143, isOutOfMemory: false }, false, { code: null, signal: "SIGTERM", reason: "signalled" }],
    [{ code: 127, isOutOfMemory: false }, false, { code: 127, reason: "could-not-start" }],
    [{ code: 255, isOutOfMemory: false }, false, { code: 255, reason: "exited" }],
  ])("%j (stopped by us: %s) means %j", (end, wasStopped, expected) => {
    expect(exitOfEnd({ at: 5, ...end }, wasStopped)).toMatchObject({ at: 5, ...expected });
  });
});

describe("ports", () => {
  test("of a process that is not the container's are not taken for its own", async () => {
    const server = createServer().listen(0);
    await once(server, "listening");
    expect(containerPorts({ id: "f".repeat(64), pid: process.pid })).toEqual([]);
    server.close();
  });
});

describe("the installation's id", () => {
  test("is made once and kept, and refused when it is damaged", () => {
    const id = installationId(directory);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(installationId(directory)).toBe(id);
    appendFileSync(join(directory, "installation"), "x");
    expect(() => installationId(directory)).toThrow("no installation id");
  });
});
