import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TaskSpec, TerminalSize } from "../../model/instance.ts";
import type { AttachingRuntime, Attachment } from "../../ports/runtime.ts";
import { exited, outputOf, type RuntimeWorld, runtimeKey, taskSpec, until } from "./runtime.ts";

export interface AttachingWorld extends RuntimeWorld {
  open(): AttachingRuntime;
}

const chunkBytes = 64 * 1024;
const size = { columns: 101, rows: 31 };

/** What every runtime must do with tasks whose streams are somebody's. */
export function attachedConformance(adapter: string, make: () => Promise<AttachingWorld>): void {
  const rig = new Rig(make);
  describe(`attached tasks of runtime ${adapter}`, () => {
    beforeEach(() => rig.open());
    afterEach(() => rig.close());
    testPipes(rig);
    testTerminals(rig);
    testEnds(rig);
  });
}

function testPipes(rig: Rig): void {
  test("input, output and errors pass byte for byte, and so do the end of input and the exit code", async () => {
    const { spec, streams, stdout, stderr, ended } = await rig.sh("cat /dev/stdin; echo bad >/dev/stderr; exit 42");
    expect(await rig.tasks()).toMatchObject([{ name: spec.name, isHeld: true }]);
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, at) => at % 256));
    for (const each of [Buffer.alloc(512), bytes]) await streams.write(each);
    streams.end();
    expect(await ended()).toMatchObject({ code: 42, reason: "exited" });
    expect(await stdout.all()).toEqual(Buffer.concat([Buffer.alloc(512), bytes]));
    expect((await stderr.all()).toString()).toBe("bad\n");
    expect(await outputOf(rig.runtime, spec.name)).toBe("");
    streams.release();
    await rig.runtime.remove(spec.name);
    expect(await rig.tasks()).toEqual([]);
  });

  test("whoever does not read holds the task up, and what it does not read waits", async () => {
    const { streams, stdout, ended } = await rig.sh("cat; echo end >&2");
    const sent = createHash("sha256");
    let taken = 0;
    const sending = (async () => {
      for (let place = 0; place < 400; place += 1) {
        const chunk = Buffer.alloc(chunkBytes, `${place}-`);
        sent.update(chunk);
        await streams.write(chunk);
        taken += 1;
      }
      streams.end();
    })();
    // What lies between the two sides is some buffers of the system, far less than all of it.
    await until(async () => {
      const before = taken;
      await pause(300);
      return taken > 0 && taken === before;
    });
    expect(taken).toBeLessThan(300);
    const received = createHash("sha256").update(await stdout.all());
    await sending;
    expect(received.digest("hex")).toBe(sent.digest("hex"));
    expect(await ended()).toMatchObject({ code: 0 });
  });
}

function testTerminals(rig: Rig): void {
  test("a terminal has its size from the start and after each change, and its keys are signals", async () => {
    const script = `until stty size | grep -q 31; do :; done; stty size; trap 'stty size' WINCH
      trap 'echo interrupted; exit 3' INT; test -t 1 && test -t 2 && echo up; while :; do sleep 0.05; done`;
    const { streams, stdout, ended } = await rig.sh(script, size);
    await stdout.shows("31 101\r\nup");
    await streams.resize({ columns: 77, rows: 22 });
    await stdout.shows("22 77");
    await streams.write(Buffer.from("\u0003"));
    await stdout.shows("interrupted");
    expect(await ended()).toMatchObject({ code: 3 });
    await stdout.all();
  });

  test("a shell on a terminal controls its jobs, and what it leaves behind ends with it", async () => {
    const bash = ["/bin/bash", "--norc", "-i"];
    const { spec, streams, stdout, ended } = await rig.begin(bash, { PS1: "ready> ", TERM: "xterm" }, size);
    const type = (keys: string) => streams.write(Buffer.from(keys));
    await stdout.shows("ready> ");
    await type("sleep 601 & sh -c 'echo front-$((1 + 1)); exec sleep 602'\r");
    await stdout.shows("front-2");
    await type("\u001a");
    await stdout.shows("Stopped");
    await type("jobs\r");
    await stdout.shows("Running");
    await type("exit 7\r");
    expect(await ended()).toMatchObject({ code: 7 });
    await stdout.all();
    await rig.runtime.remove(spec.name);
  });

  test("when a terminal goes away, SIGHUP ends what is on it", async () => {
    const { spec, streams, stdout, ended } = await rig.sh("echo up; exec sleep 600", size);
    await stdout.shows("up");
    streams.hangUp();
    await rig.runtime.signal(spec.name, "SIGHUP");
    expect(await ended()).toMatchObject({ signal: "SIGHUP", reason: "signalled" });
  });
}

function testEnds(rig: Rig): void {
  test("the next controller sees that nobody holds it, and can end it", async () => {
    const { spec, streams, stdout, ended } = await rig.sh("trap '' HUP PIPE; echo up; while :; do sleep 0.1; done");
    await stdout.shows("up");
    streams.hangUp();
    await rig.reopen();
    expect(await rig.tasks()).toMatchObject([{ name: spec.name, isHeld: false, exit: null }]);
    await rig.runtime.signal(spec.name, "SIGKILL");
    expect(await ended()).toMatchObject({ signal: "SIGKILL" });
    await rig.runtime.remove(spec.name);
  });

  test("one that cannot start has no output, and says why in its errors", async () => {
    const { spec, stdout, stderr, ended } = await rig.begin(["/nonexistent/program"]);
    expect(await ended()).toMatchObject({ reason: "could-not-start" });
    const said = (await stderr.all()).toString() + (await outputOf(rig.runtime, spec.name, "stderr"));
    expect(said).toContain("/nonexistent/program");
    expect((await stdout.all()).length).toBe(0);
  });
}

/** A runtime with a place of its own for each test. */
class Rig {
  runtime!: AttachingRuntime;
  readonly #make: () => Promise<AttachingWorld>;
  #world!: AttachingWorld;

  constructor(make: () => Promise<AttachingWorld>) {
    this.#make = make;
  }

  async open(): Promise<void> {
    this.#world = await this.#make();
    this.runtime = this.#world.open();
  }

  async reopen(): Promise<void> {
    await this.runtime.close();
    this.runtime = this.#world.open();
  }

  async close(): Promise<void> {
    await this.runtime.close();
    await this.#world.close();
  }

  sh(script: string, terminal: TerminalSize | null = null) {
    return this.begin(["/bin/sh", "-c", script], {}, terminal);
  }

  async begin(command: readonly string[], env: TaskSpec["env"] = {}, terminal: TerminalSize | null = null) {
    const spec = taskSpec(this.#world.artifact, command, { purpose: "attached", env });
    const streams = await this.runtime.startAttached(spec, terminal);
    return { spec, streams, ...watched(streams), ended: () => exited(this.runtime, spec.name) };
  }

  async tasks() {
    return (await this.runtime.observe(runtimeKey)).tasks;
  }
}

/** Both streams as a test looks at them: nothing is read before that is asked for. */
function watched({ stdout, stderr }: Attachment) {
  return { stdout: reader(stdout), stderr: reader(stderr) };
}

function reader(chunks: AsyncIterable<Uint8Array>) {
  const iterator = chunks[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  const next = async () => {
    const step = await iterator.next();
    if (!step.done) seen.push(step.value);
    return !step.done;
  };
  const all = () => Buffer.concat(seen);
  return {
    /** All of it, as soon as it has ended. */
    all: async () => {
      while (await next());
      return all();
    },
    shows: async (words: string) => {
      while (!all().includes(words)) if (!(await next())) expect.fail(`it ended without ${words}: ${all()}`);
    },
  };
}
