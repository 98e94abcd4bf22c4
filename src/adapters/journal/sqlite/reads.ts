import { type Selectable, sql } from "kysely";
import { Fault } from "../../../base/faults.ts";
import type { AccessToken } from "../../../model/access-token.ts";
import type { Actor, AuditAction, AuditEntry } from "../../../model/audit.ts";
import type { Deployment } from "../../../model/deployment.ts";
import { type Environment, type EnvKey, keyText, parseKey } from "../../../model/environment.ts";
import type { Event, EventKind } from "../../../model/event.ts";
import type { InstanceFacts } from "../../../model/instance.ts";
import type { Release } from "../../../model/release.ts";
import type { Journal, StepRecord, ValueVersion } from "../../../ports/journal.ts";
import { type Database, query } from "./database.ts";
import type { Tables } from "./schema.ts";

type Reads = Pick<
  Journal,
  | "environments"
  | "endedPreviews"
  | "environment"
  | "release"
  | "releases"
  | "lastReleaseNumber"
  | "deployment"
  | "deployments"
  | "unfinished"
  | "liveReleases"
  | "facts"
  | "sealed"
  | "versions"
  | "sealedTexts"
  | "steps"
  | "events"
  | "lastEventId"
  | "audit"
  | "token"
  | "tokens"
>;

/** The journal's reads. Each is answered from an index, so that none gets slower with history. */
export function reads(database: Database): Reads {
  return {
    ...environmentReads(database),
    ...valueReads(database),
    ...deploymentReads(database),
    ...eventReads(database),
    ...tokenReads(database),
  };
}

/** When a preview was taken down; null for all that is there. */
const endedAt = sql<number | null>`json_extract(preview, '$.endedAt')`;

function environmentReads(
  database: Database,
): Pick<
  Reads,
  "environments" | "endedPreviews" | "environment" | "facts" | "release" | "releases" | "lastReleaseNumber"
> {
  const releases = (key: EnvKey) => query.selectFrom("release").where("environment", "=", keyText(key));
  const all = query.selectFrom("environment").selectAll().orderBy("key");
  return {
    environments: async () => database.all(all.where(endedAt, "is", null)).map(toEnvironment),
    endedPreviews: async () => database.all(all.where(endedAt, "is not", null)).map(toEnvironment),
    environment: async (key) => {
      const row = database.first(query.selectFrom("environment").selectAll().where("key", "=", keyText(key)));
      return row ? toEnvironment(row) : null;
    },
    facts: async (key) =>
      database
        .all(query.selectFrom("facts").select("record").where("environment", "=", keyText(key)).orderBy("name"))
        .map(record<InstanceFacts>),
    release: async (key, number) => {
      const row = database.first(releases(key).select("record").where("number", "=", number));
      return row ? record<Release>(row) : null;
    },
    releases: async (key, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      database
        .all(releases(key).select("record").where("number", "<", before).orderBy("number", "desc").limit(limit))
        .map(record<Release>),
    lastReleaseNumber: async (key) =>
      database.first(releases(key).select("number").orderBy("number", "desc").limit(1))?.number ?? 0,
  };
}

function valueReads(database: Database): Pick<Reads, "sealed" | "versions" | "sealedTexts"> {
  const values = (key: EnvKey) => query.selectFrom("value").where("environment", "=", keyText(key));
  return {
    sealed: async (key, refs) =>
      refs.map(({ secret, version }) => {
        const row = values(key).select("sealed").where("name", "=", secret).where("version", "=", version);
        return database.first(row)?.sealed ?? null;
      }),
    versions: async (key, name) => {
      const all = values(key).selectAll().orderBy("name").orderBy("version", "desc");
      return database.all(name === undefined ? all : all.where("name", "=", name)).map(toVersion);
    },
    sealedTexts: async ({ after, limit }) => {
      const from = after ? ([keyText(after.key), after.secret, after.version] as const) : (["", "", 0] as const);
      const rows = query
        .selectFrom("value")
        .select(["environment", "name", "version", "sealed"])
        .where(({ eb, refTuple, tuple }) => eb(refTuple("environment", "name", "version"), ">", tuple(...from)))
        .where("sealed", "is not", null)
        .orderBy("environment")
        .orderBy("name")
        .orderBy("version")
        .limit(limit);
      return database.all(rows).map((row) => ({
        key: toKey(row.environment),
        secret: row.name,
        version: row.version,
        sealed: row.sealed ?? "",
      }));
    },
  };
}

function deploymentReads(
  database: Database,
): Pick<Reads, "deployment" | "deployments" | "unfinished" | "liveReleases"> {
  const deployments = (key: EnvKey) =>
    query.selectFrom("deployment").select("record").where("environment", "=", keyText(key));
  return {
    deployment: async (id) => {
      const row = database.first(query.selectFrom("deployment").select("record").where("id", "=", id));
      return row ? record<Deployment>(row) : null;
    },
    deployments: async (key, { before, limit }) => {
      const page = deployments(key).orderBy("place", "desc").limit(limit);
      const place = () =>
        query
          .selectFrom("deployment")
          .select("place")
          .where("id", "=", before ?? "");
      return database.all(before === undefined ? page : page.where("place", "<", place())).map(record<Deployment>);
    },
    unfinished: async (key) =>
      database // the phase stands in the text, not in a parameter: only so SQLite takes the partial index
        .all(deployments(key).where("phase", "<>", sql.lit("ended")).orderBy("place"))
        .map(record<Deployment>),
    liveReleases: async (key, limit) =>
      database
        .all(
          query
            .selectFrom("live_release")
            .select("number")
            .where("environment", "=", keyText(key))
            .orderBy("place", "desc")
            .limit(limit),
        )
        .map((row) => row.number),
  };
}

function eventReads(database: Database): Pick<Reads, "steps" | "events" | "lastEventId" | "audit"> {
  return {
    steps: async (deployment) =>
      database
        .all(query.selectFrom("step").selectAll().where("deployment", "=", deployment).orderBy("id"))
        .map((row) => toStep(row, deployment)),
    events: async ({ key, deployment, after, limit }) => {
      let page = query.selectFrom("event").selectAll().where("id", ">", after).orderBy("id").limit(limit);
      if (deployment !== undefined) page = page.where("deployment", "=", deployment);
      // With both, the deployment's index is the narrow one: `+` keeps SQLite from the other.
      if (key !== undefined && deployment !== undefined) page = page.where(sql`+environment`, "=", keyText(key));
      else if (key !== undefined) page = page.where("environment", "=", keyText(key));
      return database.all(page).map(toEvent);
    },
    lastEventId: async () =>
      database.first(query.selectFrom("event").select("id").orderBy("id", "desc").limit(1))?.id ?? 0,
    audit: async ({ key, since = 0, before = Number.MAX_SAFE_INTEGER, limit }) => {
      const page = query.selectFrom("audit").selectAll().where("id", "<", before).orderBy("id", "desc").limit(limit);
      // `+`: the order is that of the ids, so an index of times is of no use.
      const recent = page.where(sql`+at`, ">=", since);
      return database.all(key ? recent.where("environment", "=", keyText(key)) : recent).map(toAuditEntry);
    },
  };
}

function tokenReads(database: Database): Pick<Reads, "token" | "tokens"> {
  const all = query.selectFrom("token").selectAll();
  return {
    token: async (name) => {
      const row = database.first(all.where("name", "=", name));
      return row ? toToken(row) : null;
    },
    tokens: async () => database.all(all.orderBy("name")).map(toToken),
  };
}

function record<Value>(row: { record: string }): Value {
  return parsed<Value>(row.record, "record");
}

/** What a column holds as JSON. Rows are checked when the journal is opened; this is for what happens to the disk afterwards. */
function parsed<Value>(text: string, what: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch (cause) {
    throw new Fault("journal.damaged", `a ${what} in the journal is not what was written`, { cause });
  }
}

function toKey(text: string): EnvKey {
  const key = parseKey(text);
  if (!key) throw new Fault("journal.damaged", `the journal names an environment ${JSON.stringify(text)}`);
  return key;
}

function toEnvironment(row: Selectable<Tables["environment"]>): Environment {
  return {
    key: toKey(row.key),
    serving: row.serving === null ? null : parsed(row.serving, "serving release"),
    scale: parsed(row.scale, "scale"),
    variables: parsed(row.variables, "list of values"),
    revision: row.revision,
    stopped: row.stopped === 1,
    maintenance: row.maintenance === null ? null : parsed(row.maintenance, "maintenance"),
    preview: row.preview === null ? null : parsed(row.preview, "preview"),
    staged: row.staged,
  };
}

function toVersion(row: Selectable<Tables["value"]>): ValueVersion {
  const { name, version, set_at: at, set_by: by, sealed } = row;
  return { name, version, at, by, destroyed: sealed === null };
}

function toStep(row: Selectable<Tables["step"]>, deployment: string): StepRecord {
  return {
    id: row.id,
    key: toKey(row.environment),
    deployment,
    what: row.what,
    subject: row.subject,
    why: row.why,
    begunAt: row.begun_at,
    endedAt: row.ended_at,
    fault: row.fault === null ? null : parsed(row.fault, "fault of a step"),
  };
}

function toEvent(row: Selectable<Tables["event"]>): Event {
  const { id, at, environment, kind, deployment, subject, detail } = row;
  return { id, at, key: toKey(environment), kind: kind as EventKind, deployment, subject, detail };
}

function toAuditEntry(row: Selectable<Tables["audit"]>): AuditEntry {
  const { id, at, by: name, via, address: from, action, environment, names, detail } = row;
  const actor = { name, via: via as Actor["via"], from };
  const key = environment === null ? null : toKey(environment);
  return { id, at, actor, action: action as AuditAction, key, names: parsed(names, "list of names"), detail };
}

function toToken(row: Selectable<Tables["token"]>): AccessToken {
  const { name, digest, created_at: createdAt, created_by: createdBy, expires_at: expiresAt, used_at: usedAt } = row;
  return { name, digest, createdAt, createdBy, expiresAt, usedAt };
}
