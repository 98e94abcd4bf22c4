import type { Updateable } from "kysely";
import { canonicalJson } from "../../../base/digest.ts";
import { Fault } from "../../../base/faults.ts";
import type { AccessToken } from "../../../model/access-token.ts";
import type { AuditEntry } from "../../../model/audit.ts";
import { type Change, type ControllerChange, isOfEnvironment, keyOf } from "../../../model/change.ts";
import { type Deployment, isOver } from "../../../model/deployment.ts";
import { keyText, type SealedValue } from "../../../model/environment.ts";
import type { Event } from "../../../model/event.ts";
import type { Release, SecretRef } from "../../../model/release.ts";
import { type Database, isSqlite, query, sqliteCodes } from "./database.ts";
import type { Tables } from "./schema.ts";

/** Writes one change; to be called inside a transaction. */
export function write(database: Database, change: Change): void {
  if (!isOfEnvironment(change)) return writeOfController(database, change);
  const environment = keyText(keyOf(change));
  ensureEnvironment(database, environment);
  const set = (columns: Updateable<Tables["environment"]>) =>
    database.run(query.updateTable("environment").set(columns).where("key", "=", environment));
  switch (change.kind) {
    case "release":
      writeRelease(database, environment, change.release);
      break;
    case "deployment":
      writeDeployment(database, environment, change.deployment);
      break;
    case "serving":
      set({ serving: change.serving && canonicalJson(change.serving) });
      break;
    case "stopped":
      set({ stopped: change.stopped ? 1 : 0 });
      break;
    case "maintenance":
      set({ maintenance: change.maintenance && canonicalJson(change.maintenance) });
      break;
    case "staged":
      set({ staged: change.staged });
      break;
    case "preview":
      set({ preview: canonicalJson(change.preview) });
      break;
    case "scale":
      merge(database, environment, { column: "scale", set: { [change.service]: change.replicas } });
      break;
    case "variables":
      writeValues(database, environment, change.set);
      break;
    case "values.destroyed":
      destroyValues(database, environment);
      break;
    case "value.destroyed":
      reseal(database, environment, { ref: change.ref, sealed: null });
      break;
    case "value.resealed":
      reseal(database, environment, change);
      break;
    case "event":
      writeEvent(database, environment, change.event);
      break;
    default:
      writeFacts(database, environment, change);
  }
}

function writeOfController(database: Database, change: ControllerChange): void {
  switch (change.kind) {
    case "audit":
      return writeAudit(database, change.entry);
    case "claim.done": {
      const outcome = canonicalJson(change.outcome);
      database.run(query.updateTable("claim").set({ outcome }).where("key", "=", change.claim));
      return;
    }
    case "token.created":
      return writeToken(database, change.token);
    case "token.used":
      database.run(query.updateTable("token").set({ used_at: change.at }).where("name", "=", change.name));
      return;
    default:
      database.run(query.deleteFrom("token").where("name", "=", change.name));
  }
}

/** An environment comes into being with the first change that names it. */
export function ensureEnvironment(database: Database, key: string): void {
  database.run(
    query
      .insertInto("environment")
      .values({ key })
      .onConflict((conflict) => conflict.doNothing()),
  );
}

function writeRelease(database: Database, environment: string, release: Release): void {
  const { number } = release;
  try {
    database.run(query.insertInto("release").values({ environment, number, record: canonicalJson(release) }));
  } catch (thrown) {
    if (!isSqlite(thrown, sqliteCodes.constraint)) throw thrown;
    throw new Fault(
      "document.stale",
      `release v${number} of ${environment} already exists, and releases never change`,
      {
        cause: thrown,
      },
    );
  }
}

function writeDeployment(database: Database, environment: string, deployment: Deployment): void {
  const { id, phase } = deployment;
  const record = canonicalJson(deployment);
  const saved = database.first(
    query
      .insertInto("deployment")
      .values({ id, environment, phase, record })
      .onConflict((conflict) => conflict.column("id").doUpdateSet({ phase, record }))
      .returning("place"),
  );
  if (saved === undefined || !isOver(deployment) || deployment.verdict !== "live") return;
  const { place } = saved;
  database.run(
    query
      .insertInto("live_release")
      .values({ environment, number: deployment.release, place })
      .onConflict((conflict) =>
        conflict.columns(["environment", "number"]).doUpdateSet({ place }).where("live_release.place", "<", place),
      ),
  );
}

/** Sets members of one of the JSON objects of an environment (null takes one out) and raises its revision. */
function merge(
  database: Database,
  environment: string,
  { column, set }: { column: "scale" | "variables"; set: Readonly<Record<string, unknown>> },
): void {
  const row = database.first(query.selectFrom("environment").select(column).where("key", "=", environment));
  const members = new Map<string, unknown>(Object.entries(JSON.parse(row?.[column] ?? "{}")));
  for (const [name, value] of Object.entries(set)) {
    if (value === null) members.delete(name);
    else members.set(name, value);
  }
  database.run(
    query
      .updateTable("environment")
      .set((own) => ({
        [column]: canonicalJson(Object.fromEntries(members)),
        revision: own("revision", "+", 1),
      }))
      .where("key", "=", environment),
  );
}

/** New versions, and which of them count from now on. A version that is there already stays as it is. */
function writeValues(database: Database, environment: string, set: Readonly<Record<string, SealedValue | null>>): void {
  for (const [name, value] of Object.entries(set)) {
    if (value === null) continue;
    const { version, sealed, at, by } = value;
    const row = { environment, name, version, sealed, set_at: at, set_by: by };
    database.run(
      query
        .insertInto("value")
        .values(row)
        .onConflict((conflict) => conflict.doNothing()),
    );
  }
  const pointers = Object.entries(set).map(([name, value]) => [name, value && pointerOf(value)]);
  merge(database, environment, { column: "variables", set: Object.fromEntries(pointers) });
}

function pointerOf({ sealed: _sealed, ...value }: SealedValue): object {
  return value;
}

/** The text of every version goes, and nothing is set any more; that there were values stays known. */
function destroyValues(database: Database, environment: string): void {
  database.run(query.updateTable("value").set({ sealed: null }).where("environment", "=", environment));
  database.run(
    query
      .updateTable("environment")
      .set((own) => ({ variables: "{}", revision: own("revision", "+", 1) }))
      .where("key", "=", environment),
  );
}

function reseal(
  database: Database,
  environment: string,
  { ref, sealed }: { ref: SecretRef; sealed: string | null },
): void {
  database.run(
    query
      .updateTable("value")
      .set({ sealed })
      .where("environment", "=", environment)
      .where("name", "=", ref.secret)
      .where("version", "=", ref.version)
      .where("sealed", "is not", null), // what was destroyed stays so
  );
}

function writeFacts(
  database: Database,
  environment: string,
  change: Extract<Change, { kind: "facts" | "facts.forgotten" }>,
): void {
  if (change.kind === "facts.forgotten") {
    database.run(query.deleteFrom("facts").where("environment", "=", environment).where("name", "=", change.name));
    return;
  }
  const record = canonicalJson(change.facts);
  database.run(
    query
      .insertInto("facts")
      .values({ environment, name: change.facts.name, record })
      .onConflict((conflict) => conflict.columns(["environment", "name"]).doUpdateSet({ record })),
  );
}

function writeEvent(database: Database, environment: string, event: Omit<Event, "id">): void {
  const { at, kind, deployment, subject, detail } = event;
  database.run(query.insertInto("event").values({ at, environment, kind, deployment, subject, detail }));
}

function writeAudit(database: Database, { at, actor, action, key, names, detail }: Omit<AuditEntry, "id">): void {
  const { name: by, via, from } = actor;
  const about = { action, environment: key && keyText(key), names: canonicalJson(names), detail };
  database.run(query.insertInto("audit").values({ at, by, via, address: from, ...about }));
}

function writeToken(database: Database, token: AccessToken): void {
  const { name, digest, createdAt, createdBy, expiresAt, usedAt } = token;
  const times = { created_at: createdAt, expires_at: expiresAt, used_at: usedAt };
  try {
    database.run(query.insertInto("token").values({ name, digest, created_by: createdBy, ...times }));
  } catch (cause) {
    if (!isSqlite(cause, sqliteCodes.constraint)) throw cause;
    throw new Fault("token.name-taken", `a token ${name} already exists`, { cause });
  }
}
