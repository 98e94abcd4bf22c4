import { asFault, type Fault } from "../../../base/faults.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { FoundLines, LogStore, Trouble } from "../../../ports/logs.ts";
import { cap } from "./cap.ts";
import { openLogDatabase } from "./database.ts";
import { EnvironmentLogs } from "./environment-logs.ts";
import { createSearch, type Order, type SearchResult } from "./search.ts";
import { Searcher } from "./searcher.ts";

/** Lines wait at most this long in memory, or until a failed flush is retried. */
const waitMs = 250;
const retryMs = 1_000;
/**
 * Estimated bytes of lines in memory before the next append writes them, which takes about 50 ms at most; it is refused
 * while they cannot be written.
 */
const waitBytes = 256 * 1024;

/** Time limit for searching here; longer searches use the thread, which costs more than that to call. */
const hereMs = 3;

/**
 * The log store in one SQLite file (mode 0600), created if missing. Lines are written here, and searched in a separate
 * thread for at most `searchMs`. Faults: `journal.newer`, `journal.damaged`.
 */
export async function openLogs(file: string, clock: Clock, options: { searchMs?: number } = {}): Promise<LogStore> {
  const database = openLogDatabase(file);
  const writing = new Writing(new EnvironmentLogs(database), clock);
  const { logs } = writing;
  const search = createSearch(database);
  const searcher = new Searcher(file, { clock, withinMs: options.searchMs });
  const found = async ({ order, next }: Search, signal?: AbortSignal): Promise<FoundLines> => {
    if (order.after >= order.upTo) return { lines: [], next, reached: null };
    const here = searcher.isBusy ? null : await searchHere(search, order);
    return foundOf({ order, next }, here ?? (await searcher.search(order, signal)));
  };
  const listeners = new Set<(key: EnvKey) => void>();
  const position = database.prepare("SELECT offset FROM position WHERE name = ? AND stream = ?");
  const forget = database.prepare("DELETE FROM position WHERE name = ?");
  return {
    async append({ key, origin, lines, offset }) {
      if (logs.waiting >= waitBytes) writing.flush();
      writing.attempt(() => logs.add(key, lines));
      logs.readUpTo(origin, offset);
      writing.later();
      if (lines.length > 0) notify(listeners, key);
    },
    async position({ name, stream }) {
      writing.flush();
      return Number(position.get(name, stream)?.offset ?? 0);
    },
    trouble: () => writing.trouble,
    async forget(name) {
      writing.flush();
      writing.attempt(() => forget.run(name));
    },
    async tail(filter, limit, signal) {
      const upTo = writing.newest(filter.key);
      return found({ order: { filter, end: "newest", limit, after: 0, upTo }, next: upTo }, signal);
    },
    async read(filter, { after, limit }, signal) {
      const upTo = writing.newest(filter.key);
      const next = Math.max(after, upTo);
      return found({ order: { filter, end: "oldest", limit, after, upTo }, next }, signal);
    },
    appended(listener) {
      const own: typeof listener = (key) => listener(key); // the same function may listen twice
      listeners.add(own);
      return () => listeners.delete(own);
    },
    async cap(bytes, keys) {
      writing.tryFlush(); // on a full disk this frees space
      const chosen = keys ? keys.flatMap((key) => logs.find(key) ?? []) : logs.all();
      await cap(database, chosen, bytes);
    },
    async close() {
      writing.stop();
      listeners.clear();
      await searcher.close();
      if (!database.isOpen) return;
      writing.tryFlush(); // the next controller reads unwritten output again
      database.close();
    },
  };
}

interface Search {
  readonly order: Order;
  /** Where to continue when all was searched. */
  readonly next: number;
}

/** Null if it would take too long. */
async function searchHere(search: ReturnType<typeof createSearch>, order: Order): Promise<SearchResult | null> {
  const begun = performance.now();
  const isCalledOff = () => performance.now() - begun > hereMs;
  const result = await search(order, { isCalledOff, withinMs: hereMs });
  return result.left === null && !isCalledOff() ? result : null;
}

function foundOf({ order, next }: Search, { lines, left }: SearchResult): FoundLines {
  if (order.end === "newest") return { lines, next, reached: left?.at ?? null };
  if (left) return { lines, next: Math.max(order.after, left.sequence), reached: left.at };
  return { lines, next: lines.length < order.limit ? next : (lines.at(-1)?.sequence ?? next), reached: null };
}

/** Writes waiting lines, and records why they cannot be written. */
class Writing {
  readonly logs: EnvironmentLogs;
  readonly #clock: Clock;
  #stopLater: (() => void) | null = null;
  #trouble: Trouble | null = null;

  constructor(logs: EnvironmentLogs, clock: Clock) {
    this.logs = logs;
    this.#clock = clock;
  }

  get trouble(): Trouble | null {
    return this.#trouble;
  }

  flush(): void {
    this.attempt(() => this.logs.flush());
    this.#trouble = null;
  }

  attempt(write: () => unknown): void {
    try {
      write();
    } catch (thrown) {
      this.#trouble = { since: this.#trouble?.since ?? this.#clock.now(), fault: asFault(thrown) };
      throw thrown;
    }
  }

  /** The newest sequence of an environment on disk, where searches read; 0 if it has none. */
  newest(key: EnvKey): number {
    this.tryFlush();
    return this.logs.find(key)?.written ?? 0;
  }

  /** Flushes once, some time after the first request. */
  later(ms = waitMs): void {
    this.#stopLater ??= this.#clock.after(ms, () => {
      this.#stopLater = null;
      if (this.tryFlush() !== null) this.later(retryMs);
    });
  }

  stop(): void {
    this.#stopLater?.();
  }

  /** Why it failed: `trouble` has it too. */
  tryFlush(): Fault | null {
    try {
      this.flush();
      return null;
    } catch (thrown) {
      return asFault(thrown);
    }
  }
}

/** A failing listener does not affect storing or other listeners; it is reported as a warning. */
function notify(listeners: ReadonlySet<(key: EnvKey) => void>, key: EnvKey): void {
  for (const listener of [...listeners]) {
    try {
      listener(key);
    } catch (thrown) {
      process.emitWarning(asFault(thrown));
    }
  }
}
