import { asFault } from "../../../base/faults.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { LogStore } from "../../../ports/logs.ts";
import { cap } from "./cap.ts";
import { openDatabase } from "./database.ts";
import { createSearch } from "./search.ts";
import { Shelves } from "./shelf.ts";

/** Lines wait at most this long in memory, and at most so many characters of them before the next append writes them. */
const waitMs = 250;
const waitCharacters = 4 * 1024 * 1024;

/** The log store in one SQLite file (mode 0600), made when it is missing. Faults: `journal.newer`, `journal.damaged`. */
export async function openLogs(file: string, clock: Clock): Promise<LogStore> {
  const database = openDatabase(file);
  const shelves = new Shelves(database);
  const search = createSearch(database);
  const later = flushLater(shelves, clock);
  const listeners = new Set<(key: EnvKey) => void>();
  const position = database.prepare("SELECT offset FROM position WHERE name = ? AND stream = ?");
  const forget = database.prepare("DELETE FROM position WHERE name = ?");
  return {
    async append({ key, origin, lines, offset }) {
      if (shelves.waiting >= waitCharacters) shelves.flush(); // if it fails, nothing of this batch was taken
      if (lines.length > 0) shelves.add(key, lines);
      shelves.readUpTo(origin, offset);
      later.schedule();
      if (lines.length > 0) tell(listeners, key);
    },
    async position({ name, stream }) {
      shelves.flush();
      return Number(position.get(name, stream)?.offset ?? 0);
    },
    async forget(name) {
      shelves.flush();
      forget.run(name);
    },
    async tail(filter, limit) {
      shelves.flush();
      const shelf = shelves.find(filter.key);
      return shelf ? search(shelf, filter, { end: "newest", limit, after: 0 }) : [];
    },
    async read(filter, after, limit) {
      shelves.flush();
      const shelf = shelves.find(filter.key);
      if (!shelf) return { lines: [], next: after };
      const { last } = shelf; // lines may be appended while it searches
      const lines = await search(shelf, filter, { end: "oldest", limit, after });
      const next = lines.length < limit ? Math.max(after, last) : (lines.at(-1)?.sequence ?? after);
      return { lines, next };
    },
    appended(listener) {
      const own: typeof listener = (key) => listener(key); // the same function may listen twice
      listeners.add(own);
      return () => listeners.delete(own);
    },
    async cap(bytes, keys) {
      shelves.flush();
      const chosen = keys ? keys.flatMap((key) => shelves.find(key) ?? []) : shelves.all();
      await cap(database, chosen, bytes);
    },
    async close() {
      later.stop();
      listeners.clear();
      if (!database.isOpen) return;
      shelves.flush();
      database.close();
    },
  };
}

/** Flushes once some time after it was scheduled; one that fails shows as a warning and is tried again. */
function flushLater(shelves: Shelves, clock: Clock) {
  let stop: (() => void) | null = null;
  const schedule = (): void => {
    stop ??= clock.after(waitMs, () => {
      stop = null;
      try {
        shelves.flush();
      } catch (thrown) {
        process.emitWarning(asFault(thrown));
        schedule();
      }
    });
  };
  return { schedule, stop: () => stop?.() };
}

/** A listener that fails cannot keep lines from being stored, nor others from hearing of them; it shows as a warning. */
function tell(listeners: ReadonlySet<(key: EnvKey) => void>, key: EnvKey): void {
  for (const listener of [...listeners]) {
    try {
      listener(key);
    } catch (thrown) {
      process.emitWarning(asFault(thrown));
    }
  }
}
