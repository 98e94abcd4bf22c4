import { backoff } from "../base/backoff.ts";
import { asFault, Fault } from "../base/faults.ts";
import { type EnvKey, keyText, sameKey } from "../model/environment.ts";
import type { LogLine } from "../model/log.ts";
import type { Sensed, Snapshot } from "../plan/plan.ts";
import type { SteadyClock } from "../ports/clock.ts";
import type { LogStore } from "../ports/logs.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { EngineLog } from "./engine.ts";
import { levelOf } from "./lines.ts";
import type { Redactors } from "./redaction.ts";
import type { Sensor } from "./sensors/sensor.ts";
import { Tap, type Yield } from "./tap.ts";
import { Turns } from "./turns.ts";

/** Bytes of a stream per turn: about 10 ms of work, so that nothing else waits long. */
const biteBytes = 256 * 1024;
/** Turns that are taken in parallel: a read that hangs blocks one of them. */
const turnsAtOnce = 4;
/** Bytes of output read before its disk space is freed, because each time a process is started for it. */
const releaseBytes = 16 * 1024 * 1024;
/** Time limit for reading the rest of an ended one before it is postponed, and of all when the controller stops. */
const finishMs = 5_000;
const closeMs = 2_000;
const giveUpMs = 30 * 60_000;
/** Delay between attempts to store refused lines. */
const storeDelay = { first: 250, limit: 10_000 } as const;
/** Error lines stored before this controller are counted up to this number. */
const countedBefore = 1_000;
const streams = ["stdout", "stderr"] as const;

/** An instance or task whose output is read; its streams are opened at the first read. */
interface Source {
  readonly key: EnvKey;
  readonly name: string;
  readonly service: string;
  readonly release: number;
  taps: readonly Tap[] | null;
  errors: number;
  /** Since when its rest is requested. */
  finishing: number | null;
}

interface IngestDeps {
  readonly runtime: Pick<Runtime, "readOutput" | "releaseOutput">;
  readonly logs: LogStore;
  readonly clock: SteadyClock;
  readonly redactors: Redactors;
  readonly log: EngineLog;
}

/**
 * Moves output of instances and tasks into the log store, without the secrets of their releases. Work on one name is
 * serial; environments, and the names of one, take turns. If the store cannot be written, it is retried, and no line is
 * lost or doubled.
 */
export class LogIngest implements Sensor<Sensed["errorLines"]> {
  readonly #deps: IngestDeps;
  readonly #sources = new Map<string, Source>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #turns = new Turns(turnsAtOnce);
  /** Waiting work while the store cannot be written. */
  #outage: { readonly waiting: Set<string>; readonly cancel: () => void } | null = null;
  /** Number of failures of the store since its last success. */
  #failures = 0;
  #wasReported = false;
  #stopped = false;

  constructor(deps: IngestDeps) {
    this.#deps = deps;
  }

  /** Registers names; new ones are read from the stored position. */
  watch({ key, instances, tasks }: Pick<Snapshot, "key" | "instances" | "tasks">): void {
    for (const one of [...instances, ...tasks]) {
      if (this.#sources.has(one.name)) continue;
      const { service, release } = "identity" in one ? one.identity : one.spec;
      this.#sources.set(one.name, { key, name: one.name, service, release, taps: null, errors: 0, finishing: null });
      this.takeSoon(one.name);
    }
  }

  /** How many lines of level error or worse each name of an environment has written, as far as read. */
  read(key: EnvKey): Sensed["errorLines"] {
    const mine = [...this.#sources.values()].filter((source) => sameKey(source.key, key));
    return Object.fromEntries(mine.map(({ name, errors }) => [name, errors]));
  }

  /** Reads all names, independent of the runtime's reports. */
  async sweep(): Promise<void> {
    this.#tell();
    await Promise.all([...this.#sources.keys()].map((name) => this.take(name)));
  }

  /** Begins to read a name's streams; a fault is logged. */
  takeSoon(name: string): void {
    void this.take(name).catch((thrown) => this.#deps.log.warn({ name, cause: thrown }, asFault(thrown).detail));
  }

  /** Reads a name's streams to their current end, or until the store fails. Rejects if they cannot be read. */
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

  /**
   * Reads the rest of a name that has ended, a last line without its end included, and returns when it is on disk.
   * Fault `operation.failed` if that takes too long or the store cannot be written: it continues meanwhile, and is
   * requested again. Output that leftover processes keep writing is abandoned after half an hour.
   */
  async finish(name: string): Promise<void> {
    const isWhole = await this.#within(
      finishMs,
      this.take(name).then(() => this.take(name)),
    );
    const source = this.#sources.get(name);
    if (!source) return;
    source.finishing ??= this.#deps.clock.steady();
    if (this.#outage || this.#stopped || !source.taps) throw unfinished(name);
    if (!isWhole && this.#deps.clock.steady() - source.finishing < giveUpMs) throw unfinished(name);
    try {
      for (const tap of source.taps) await this.#end(source, tap);
    } catch (thrown) {
      throw unfinished(name, thrown);
    }
  }

  async forget(name: string): Promise<void> {
    this.#sources.delete(name);
    this.#outage?.waiting.delete(name);
    await this.#deps.logs.forget(name);
  }

  /** Reads what can be read at once, then stops: the next controller continues from there. */
  async close(): Promise<void> {
    await this.#within(closeMs, Promise.allSettled([...this.#sources.keys()].map((name) => this.take(name))));
    this.#stopped = true;
    this.#outage?.cancel();
  }

  async #takeAll(name: string): Promise<void> {
    do {
      this.#again.delete(name);
      const source = this.#sources.get(name);
      while (source && !this.#stopped && !this.#outage) {
        if (!(await this.#turns.take(keyText(source.key), () => this.#turn(source)))) break;
      }
    } while (this.#again.has(name) && !this.#stopped && !this.#outage);
    this.#outage?.waiting.add(name);
  }

  /** One piece of each stream; returns whether there was any. While the store fails, failures are retried with it. */
  async #turn(source: Source): Promise<boolean> {
    if (this.#stopped || this.#outage || !this.#sources.has(source.name)) return false;
    try {
      source.taps ??= await this.#open(source);
      let isMore = false;
      for (const tap of source.taps) isMore = (await this.#bite(source, tap)) || isMore;
      return isMore;
    } catch (thrown) {
      if (!this.#outage) throw thrown;
      return false;
    }
  }

  async #open(source: Source): Promise<readonly Tap[]> {
    const { key, name, release } = source;
    const { logs, redactors } = this.#deps;
    const redactor = await redactors.of(key, release);
    const positions = await Promise.all(
      streams.map((stream) => this.#ask(source, () => logs.position({ name, stream }))),
    );
    if (positions.some((position) => position > 0)) void this.#countBefore(source);
    return streams.map((stream, place) => new Tap({ name, stream }, { position: positions[place] ?? 0, redactor }));
  }

  async #countBefore(source: Source): Promise<void> {
    const filter = { key: source.key, instance: source.name, level: "error" } as const;
    try {
      source.errors += (await this.#deps.logs.tail(filter, countedBefore)).lines.length;
    } catch (thrown) {
      this.#deps.log.warn({ name: source.name, cause: thrown }, "its previous lines of level error were not counted");
    }
  }

  async #bite(source: Source, tap: Tap): Promise<boolean> {
    const { stream } = tap.origin;
    const range = { stream, offset: tap.offset, limit: biteBytes };
    const output = await this.#deps.runtime.readOutput(source.name, range);
    if (output.bytes.length === 0 && output.at === tap.offset) return false;
    await this.#store(source, tap, tap.push(output));
    if (tap.unreleased >= releaseBytes) await this.#release(source, tap);
    return true;
  }

  /** Frees the disk space of safely stored output: the store may still have the newest lines in memory. */
  async #release(source: Source, tap: Tap): Promise<void> {
    const stored = await this.#ask(source, () => this.#deps.logs.position(tap.origin));
    tap.unreleased = 0;
    await this.#deps.runtime.releaseOutput(source.name, tap.origin.stream, stored);
  }

  async #end(source: Source, tap: Tap): Promise<void> {
    await this.#store(source, tap, tap.end());
    await this.#ask(source, () => this.#deps.logs.position(tap.origin)); // which writes what waits in memory
  }

  /** Refused lines are read again. */
  async #store(source: Source, tap: Tap, { texts, offset }: Yield): Promise<void> {
    if (texts.length === 0) return;
    const at = this.#deps.clock.now();
    const { key, name, service, release } = source;
    const { origin } = tap;
    const of = { at, service, instance: name, release, stream: origin.stream };
    const lines = texts.map((message): LogLine => ({ ...of, level: levelOf(message), message }));
    try {
      await this.#ask(source, () => this.#deps.logs.append({ key, origin, lines, offset }));
    } catch (thrown) {
      tap.rewind();
      throw thrown;
    }
    tap.keep(offset);
    source.errors += lines.filter(({ level }) => level === "error" || level === "fatal").length;
  }

  /** Writes to the store; after a failure it waits for a while, and then `source` is read again. */
  async #ask<Answer>({ name }: Source, question: () => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await question();
      this.#failures = 0;
      if (this.#wasReported) this.#tell();
      return answer;
    } catch (thrown) {
      this.#outage ??= this.#pause();
      this.#outage.waiting.add(name);
      this.#tell();
      throw thrown;
    }
  }

  #pause() {
    this.#failures += 1;
    const waiting = new Set<string>();
    const cancel = this.#deps.clock.after(backoff(this.#failures, storeDelay), () => {
      this.#outage = null;
      for (const name of this.#stopped ? [] : waiting) this.takeSoon(name);
    });
    return { waiting, cancel };
  }

  /** Reports once that lines cannot be stored, and once that they can again. */
  #tell(): void {
    const trouble = this.#deps.logs.trouble();
    if ((trouble !== null) === this.#wasReported) return;
    this.#wasReported = trouble !== null;
    if (trouble === null) return this.#deps.log.warn({}, "log lines are stored again; none was lost");
    const { code, cause, detail } = trouble.fault;
    const where = "they stay in the output of their instances until then";
    this.#deps.log.error({ code, cause }, `log lines cannot be stored (${detail}); ${where}`);
  }

  /** Whether it finished in this time. */
  async #within(ms: number, work: Promise<unknown>): Promise<boolean> {
    let cancel = () => {};
    const late = new Promise<false>((resolve) => {
      cancel = this.#deps.clock.after(ms, () => resolve(false));
    });
    try {
      return await Promise.race([work.then(() => true), late]);
    } finally {
      cancel();
    }
  }
}

function unfinished(name: string, cause?: unknown): Fault {
  const detail = `the output of ${name} is not completely stored yet; it is kept until then`;
  return new Fault("operation.failed", detail, { hint: "`fairlead doctor` shows whether logs can be stored.", cause });
}
