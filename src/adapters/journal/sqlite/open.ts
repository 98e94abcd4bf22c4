import { canonicalJson } from "../../../base/digest.ts";
import { asFault, Fault } from "../../../base/faults.ts";
import { newInstallationId } from "../../../host/installation.ts";
import { type Change, isOfEnvironment, keyOf } from "../../../model/change.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Journal, StepRecord } from "../../../ports/journal.ts";
import { claims } from "./claims.ts";
import { type Database, query } from "./database.ts";
import { openFile } from "./file.ts";
import { forget, prune, thin } from "./prune.ts";
import { reads } from "./reads.ts";
import { migrations } from "./schema.ts";
import { ensureEnvironment, write } from "./writes.ts";

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
  const listeners = new Set<(keys: readonly EnvKey[]) => void>();
  return {
    installation: ownerOf(database, installation),
    ...reads(database),
    ...claims(database),
    commit: async (changes) => {
      if (changes.length === 0) return;
      database.transaction(() => writeAll(database, changes));
      notify(listeners, changes);
    },
    beginStep: async (step) => database.transaction(() => beginStep(database, step)),
    endStep: async (id, end) => {
      database.transaction(() => {
        endStep(database, id, end);
        writeAll(database, end.changes);
      });
      notify(listeners, end.changes);
    },
    committed: (listener) => {
      const own: typeof listener = (keys) => listener(keys); // the same function may listen twice
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

/** Whose it is; from now on the given one's, else a new one's, when it has not said so before. */
function ownerOf(database: Database, installation: string | null): string {
  const kept = database.first(query.selectFrom("installation").select("id"));
  if (kept) return kept.id;
  const id = installation ?? newInstallationId();
  database.transaction(() => database.run(query.insertInto("installation").values({ id })));
  return id;
}

function writeAll(database: Database, changes: readonly Change[]): void {
  for (const change of changes) write(database, change);
}

function beginStep(database: Database, step: Omit<StepRecord, "id" | "endedAt" | "fault">): number {
  const { key, deployment, what, subject, why, begunAt } = step;
  const environment = keyText(key);
  ensureEnvironment(database, environment);
  return database.run(
    query.insertInto("step").values({ environment, deployment, what, subject, why, begun_at: begunAt }),
  );
}

function endStep(database: Database, id: number, end: Parameters<Journal["endStep"]>[1]): void {
  const ended = database.first(
    query
      .updateTable("step")
      .set({ ended_at: end.at, fault: end.fault && canonicalJson(end.fault) })
      .where("id", "=", id)
      .returning("id"),
  );
  if (!ended) throw new Fault("operation.failed", `step ${id} is not in the journal`);
}

/** A listener that fails cannot undo what is on disk, nor keep the others from hearing of it; it shows as a warning. */
function notify(listeners: ReadonlySet<(keys: readonly EnvKey[]) => void>, changes: readonly Change[]): void {
  const touched = changes.filter(isOfEnvironment).map(keyOf);
  if (touched.length === 0) return;
  const keys = [...new Map(touched.map((key) => [keyText(key), key])).values()];
  for (const listener of [...listeners]) {
    try {
      listener(keys);
    } catch (thrown) {
      process.emitWarning(asFault(thrown));
    }
  }
}
