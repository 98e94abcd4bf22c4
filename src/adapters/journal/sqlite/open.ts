import { asFault } from "../../../base/faults.ts";
import { newInstallationId } from "../../../host/installation.ts";
import { keyText } from "../../../model/environment.ts";
import type { Clock } from "../../../ports/clock.ts";
import { type Change, changedEnvironment, type Journal } from "../../../ports/journal.ts";
import { migrations, openBooks, writes } from "./books.ts";
import { type Database, select } from "./database.ts";
import { ensureEnvironment } from "./environments.ts";
import { openFile } from "./file.ts";
import { forget, prune, thin } from "./retention.ts";

/** A journal that says whose it is. */
export interface OpenJournal extends Journal {
  readonly installation: string;
}

/**
 * The journal in one SQLite file (mode 0600), made when it is missing. It belongs to the installation that first opened it;
 * null: it need not be anybody's. Faults: `journal.newer`, `journal.damaged` and `journal.lost` for one of another
 * installation, all of which leave its files as they are. One process at a time: see lease.ts.
 */
export async function openJournal(
  file: string,
  clock: Clock,
  installation: string | null = null,
): Promise<OpenJournal> {
  const database = openFile(file, { migrations, now: clock.now(), installation });
  const listeners = new Set<CommitListener>();
  return {
    installation: ownerOf(database, installation),
    ...openBooks(database),
    commit: async (changes) => {
      if (changes.length === 0) return;
      database.transaction(() => {
        for (const change of changes) write(database, change);
      });
      notify(listeners, changes);
    },
    committed: (listener) => {
      const own: typeof listener = (keys, changes) => listener(keys, changes); // the same function may listen twice
      listeners.add(own);
      return () => listeners.delete(own);
    },
    prune: (before) => prune(database, before),
    thin: (key, keep) => thin(database, keyText(key), keep),
    forget: async (key, endedBefore) => forget(database, keyText(key), endedBefore),
    close: async () => {
      listeners.clear();
      database.close();
    },
  };
}

const owner = select({ id: "text" }, "FROM installation");

/** Whose it is; from now on the given one's, else a new one's, when it has not said so before. */
function ownerOf(database: Database, installation: string | null): string {
  const kept = database.first(owner);
  if (kept) return kept.id;
  const id = installation ?? newInstallationId();
  database.transaction(() => database.insert("installation", { id }));
  return id;
}

function write(database: Database, change: Change): void {
  const key = changedEnvironment(change);
  if (key) ensureEnvironment(database, keyText(key));
  const writeOne = writes[change.kind] as (database: Database, change: Change) => void; // the one of its kind
  writeOne(database, change);
}

type CommitListener = Parameters<Journal["committed"]>[0];

/** A listener that fails cannot undo what is on disk, nor keep the others from hearing of it; it shows as a warning. */
function notify(listeners: ReadonlySet<CommitListener>, changes: readonly Change[]): void {
  const touched = changes.map(changedEnvironment).filter((key) => key !== null);
  if (touched.length === 0) return;
  const keys = [...new Map(touched.map((key) => [keyText(key), key])).values()];
  for (const listener of [...listeners]) {
    try {
      listener(keys, changes);
    } catch (thrown) {
      process.emitWarning(asFault(thrown));
    }
  }
}
