import { Fault } from "../../base/faults.ts";
import { type EnvKey, keyText } from "../../model/environment.ts";
import { type LogFilter, levels, type StoredLine } from "../../model/log.ts";
import type { SteadyClock } from "../../ports/clock.ts";
import type { FoundLines, LogBatch, LogOrigin, LogStore, Trouble } from "../../ports/logs.ts";

/** A log store in memory, as durable as the object. `grep` is plain text here. */
export class SimulatedLogs implements LogStore {
  readonly #lines = new Map<string, StoredLine[]>();
  readonly #positions = new Map<string, number>();
  readonly #clock: SteadyClock | undefined;
  /** Until when its disk is full, on the clock that it was given. */
  fullUntil = 0;
  readonly #listeners = new Set<(key: EnvKey) => void>();

  constructor(clock?: SteadyClock) {
    this.#clock = clock;
  }

  async append({ key, origin, lines, offset }: LogBatch): Promise<void> {
    if (this.#clock && this.#clock.steady() < this.fullUntil)
      throw new Fault("disk.full", "no space is left on the disk");
    const stored = this.#linesOf(key);
    for (const line of lines) stored.push({ ...line, sequence: (stored.at(-1)?.sequence ?? 0) + 1 });
    this.#positions.set(`${origin.name} ${origin.stream}`, offset);
    for (const listener of this.#listeners) listener(key);
  }

  async position(origin: LogOrigin): Promise<number> {
    return this.#positions.get(`${origin.name} ${origin.stream}`) ?? 0;
  }

  async forget(name: string): Promise<void> {
    for (const stream of ["stdout", "stderr"]) this.#positions.delete(`${name} ${stream}`);
  }

  async tail(filter: LogFilter, limit: number): Promise<FoundLines> {
    const lines = limit === 0 ? [] : this.#matching(filter).slice(-limit);
    return { lines, next: this.#linesOf(filter.key).at(-1)?.sequence ?? 0, reached: null };
  }

  async read(filter: LogFilter, { after, limit }: { after: number; limit: number }): Promise<FoundLines> {
    const lines = this.#matching(filter)
      .filter((line) => line.sequence > after)
      .slice(0, limit);
    const last = lines.length === limit ? lines.at(-1) : this.#linesOf(filter.key).at(-1);
    return { lines, next: Math.max(after, last?.sequence ?? after), reached: null };
  }

  trouble(): Trouble | null {
    return null;
  }

  appended(listener: (key: EnvKey) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async cap(): Promise<void> {}
  async close(): Promise<void> {}

  /** Whose lines were stored of an environment; what they say may have been hidden. */
  writers(key: EnvKey): readonly string[] {
    return this.#linesOf(key).map(({ instance }) => instance);
  }

  #linesOf(key: EnvKey): StoredLine[] {
    const found = this.#lines.get(keyText(key)) ?? [];
    this.#lines.set(keyText(key), found);
    return found;
  }

  #matching(filter: LogFilter): readonly StoredLine[] {
    return this.#linesOf(filter.key).filter((line) => matches(line, filter));
  }
}

function matches(line: StoredLine, { services, release, instance, level, since, until, grep }: LogFilter): boolean {
  if (services && !services.includes(line.service)) return false;
  if (release !== undefined && line.release !== release) return false;
  if (instance !== undefined && line.instance !== instance) return false;
  if (level && levels.indexOf(line.level ?? "info") < levels.indexOf(level)) return false;
  if ((since !== undefined && line.at < since) || (until !== undefined && line.at > until)) return false;
  return grep === undefined || line.message.includes(grep);
}
