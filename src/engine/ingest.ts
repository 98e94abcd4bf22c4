import { type EnvKey, sameKey } from "../model/environment.ts";
import type { ObservedInstance, ObservedTask } from "../model/instance.ts";
import type { LogLine } from "../model/log.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogStore } from "../ports/logs.ts";
import type { ObservedWorld, OutputStream, Runtime } from "../ports/runtime.ts";
import { createLineSplitter, type LineSplitter, levelOf } from "./lines.ts";
import type { Redactors } from "./redaction.ts";

/** Bytes taken from one stream at a time: large enough for speed, small enough that no stream starves the others. */
const biteBytes = 1024 * 1024;
/** How much output is stored before its space in the output file is given back: each time a process is started for it. */
const releaseBytes = 16 * 1024 * 1024;
const streams = ["stdout", "stderr"] as const;

/** One stream of one instance or task that is being read. */
interface Tap {
  readonly key: EnvKey;
  readonly name: string;
  readonly stream: OutputStream;
  readonly service: string;
  readonly release: number;
  readonly splitter: LineSplitter;
  /** Where the splitter's count begins. */
  readonly base: number;
  offset: number;
  /** Up to where the runtime was told that it may forget. */
  released: number;
}

interface IngestDeps {
  readonly runtime: Runtime;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly redactors: Redactors;
}

/** Lines of level error that were stored before this controller are counted up to here. */
const countedBefore = 1_000;

/** Moves what instances and tasks write into the log store, without the secrets of their releases. Everything about one name happens one after the other. */
export class LogIngest {
  readonly #runtime: Runtime;
  readonly #logs: LogStore;
  readonly #clock: Clock;
  readonly #redactors: Redactors;
  readonly #taps = new Map<string, readonly Tap[]>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #errors = new Map<string, number>();

  constructor(deps: IngestDeps) {
    this.#runtime = deps.runtime;
    this.#logs = deps.logs;
    this.#clock = deps.clock;
    this.#redactors = deps.redactors;
  }

  /** Learns who is there and gives the new names; they are read from where the store's position says. */
  async know(key: EnvKey, world: ObservedWorld): Promise<readonly string[]> {
    const fresh = [...world.instances, ...world.tasks].filter((one) => !this.#taps.has(one.name));
    for (const one of fresh) {
      const taps = await Promise.all(streams.map((stream) => this.#open(key, one, stream)));
      if (this.#taps.has(one.name)) continue;
      this.#taps.set(one.name, taps);
      const wasRead = taps.some(({ offset }) => offset > 0);
      const filter = { key, instance: one.name, level: "error" } as const;
      this.#errors.set(one.name, wasRead ? (await this.#logs.tail(filter, countedBefore)).length : 0);
    }
    return fresh.map((one) => one.name);
  }

  /** How many lines of level error or worse each name of an environment has written, as far as they were read. */
  errorLines(key: EnvKey): Record<string, number> {
    const mine = [...this.#errors].filter(([name]) => this.#taps.get(name)?.some((tap) => sameKey(tap.key, key)));
    return Object.fromEntries(mine);
  }

  /** The names being read, for a slow sweep beside the runtime's own reports. */
  names(): readonly string[] {
    return [...this.#taps.keys()];
  }

  /** Reads a name's streams up to their present end. */
  take(name: string): Promise<void> {
    const running = this.#busy.get(name);
    if (running) {
      this.#again.add(name);
      return running;
    }
    const work = this.#takeAll(name).finally(() => this.#busy.delete(name));
    this.#busy.set(name, work);
    return work;
  }

  /** Reads the rest of a name that has ended, a last line without its end included. */
  async finish(name: string): Promise<void> {
    await this.take(name);
    await this.take(name);
    for (const tap of this.#taps.get(name) ?? []) {
      const rest = tap.splitter.end();
      if (rest.length > 0) await this.#store(tap, rest, tap.offset);
    }
  }

  async forget(name: string): Promise<void> {
    this.#taps.delete(name);
    this.#errors.delete(name);
    await this.#logs.forget(name);
  }

  async #open(key: EnvKey, one: ObservedInstance | ObservedTask, stream: OutputStream): Promise<Tap> {
    const { service, release } = "identity" in one ? one.identity : one.spec;
    const offset = await this.#logs.position({ name: one.name, stream });
    return {
      key,
      name: one.name,
      stream,
      service,
      release,
      splitter: createLineSplitter(await this.#redactors.of(key, release)),
      base: offset,
      offset,
      released: offset,
    };
  }

  async #takeAll(name: string): Promise<void> {
    do {
      this.#again.delete(name);
      for (const tap of this.#taps.get(name) ?? []) await this.#takeStream(tap);
    } while (this.#again.has(name));
  }

  async #takeStream(tap: Tap): Promise<void> {
    for (;;) {
      const bytes = await this.#runtime.readOutput(tap.name, {
        stream: tap.stream,
        offset: tap.offset,
        limit: biteBytes,
      });
      if (bytes.length === 0) return;
      tap.offset += bytes.length;
      const lines = tap.splitter.push(bytes);
      const done = tap.base + tap.splitter.consumed;
      if (lines.length > 0) await this.#store(tap, lines, done);
      if (done - tap.released >= releaseBytes) await this.#release(tap);
    }
  }

  /** Gives back the disk space of what is safely stored: the store may still hold the newest lines in memory. */
  async #release(tap: Tap): Promise<void> {
    tap.released = await this.#logs.position(tap);
    await this.#runtime.releaseOutput(tap.name, tap.stream, tap.released);
  }

  #store(tap: Tap, texts: readonly string[], offset: number): Promise<void> {
    const at = this.#clock.now();
    const { service, release, stream, name } = tap;
    const lines: LogLine[] = texts.map((message) => ({
      at,
      service,
      instance: name,
      release,
      stream,
      level: levelOf(message),
      message,
    }));
    const errors = lines.filter(({ level }) => level === "error" || level === "fatal").length;
    if (errors > 0) this.#errors.set(name, (this.#errors.get(name) ?? 0) + errors);
    return this.#logs.append({ key: tap.key, origin: { name, stream }, lines, offset });
  }
}
