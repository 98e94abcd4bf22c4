import type { Change, Journal } from "../../../ports/journal.ts";
import { auditBook, auditTable, auditWrites } from "./audit.ts";
import { claimBook, claimWrites, outcomeColumn } from "./claims.ts";
import type { Database } from "./database.ts";
import { deploymentBook, deploymentWrites } from "./deployments.ts";
import {
  environmentBook,
  environmentWrites,
  maintenanceColumn,
  previewColumn,
  stagedNumber,
  stagedText,
} from "./environments.ts";
import { eventBook, eventWrites } from "./events.ts";
import { releaseBook, releaseWrites } from "./releases.ts";
import { firstTables, installationTable, type Migration, sumColumns } from "./schema.ts";
import { stepBook, stepWrites } from "./steps.ts";
import { tokenBook, tokenTable, tokenWrites } from "./tokens.ts";
import { noDigests, valueBook, valueTable, valueWrites } from "./values.ts";
import type { Writes } from "./writes.ts";

type Books = Omit<Journal, "commit" | "committed" | "prune" | "thin" | "forget" | "close">;

/** The journal's books. Each read is answered from an index, so that none gets slower with history. */
export function openBooks(database: Database): Books {
  return {
    environments: environmentBook(database),
    releases: releaseBook(database),
    deployments: deploymentBook(database),
    steps: stepBook(database),
    values: valueBook(database),
    events: eventBook(database),
    audit: auditBook(database),
    tokens: tokenBook(database),
    claims: claimBook(database),
  };
}

/** How each kind of change is written: one that is missing here does not compile. */
export const writes: Writes<Change["kind"]> = {
  ...environmentWrites,
  ...releaseWrites,
  ...deploymentWrites,
  ...stepWrites,
  ...valueWrites,
  ...eventWrites,
  ...auditWrites,
  ...tokenWrites,
  ...claimWrites,
};

/** Tables whose rows go with their environment, in an order that their references allow. */
export const tablesOfEnvironment: readonly string[] = [
  "step",
  "event",
  "facts",
  "value",
  "live_release",
  "deployment",
  "release",
];

/**
 * Changes nothing here. Runtimes write the kind of each workload beside it since then, and a version before would take what
 * runs for tasks or see nothing of it and start everything again: the number keeps it from opening the journal.
 */
const workloadKinds: Migration = { name: "workloads have kinds", sql: "" };

/**
 * Forward only: append, never change one that was released. A table stands in the file of its book. Columns hold what is
 * searched for, `record` the whole value as canonical JSON. `environment` is always the key's text `app/environment`. A new
 * table gets a column `sum INTEGER` (sums.ts).
 */
export const migrations: readonly Migration[] = [
  firstTables,
  maintenanceColumn,
  valueTable,
  auditTable,
  previewColumn,
  stagedText,
  tokenTable,
  stagedNumber,
  noDigests,
  outcomeColumn,
  installationTable,
  sumColumns,
  workloadKinds,
];
