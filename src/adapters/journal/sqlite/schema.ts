import type { Generated } from "kysely";
import { sha256 } from "../../../base/digest.ts";

/** `PRAGMA application_id` of a journal: "FLjr", so that another program's database is not taken for one. */
export const applicationId = 0x464c6a72;

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * Forward only: append, never change one that was released, since its checksum is kept in every journal. Columns hold what
 * is searched for, `record` the whole value as canonical JSON. `environment` is always the key's text `app/environment`. A new table gets a column
 * `sum INTEGER` (sums.ts).
 */
export const migrations: readonly Migration[] = [
  {
    name: "first tables",
    sql: `
CREATE TABLE environment (
  key TEXT PRIMARY KEY,
  serving TEXT,
  scale TEXT NOT NULL DEFAULT '{}',
  variables TEXT NOT NULL DEFAULT '{}',
  revision INTEGER NOT NULL DEFAULT 0,
  stopped INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE release (
  environment TEXT NOT NULL REFERENCES environment (key),
  number INTEGER NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (environment, number)
) STRICT;

CREATE TABLE deployment (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  environment TEXT NOT NULL REFERENCES environment (key),
  phase TEXT NOT NULL,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX deployment_by_environment ON deployment (environment, place);
CREATE INDEX deployment_unfinished ON deployment (environment, place) WHERE phase <> 'ended';

CREATE TABLE live_release (
  environment TEXT NOT NULL REFERENCES environment (key),
  number INTEGER NOT NULL,
  place INTEGER NOT NULL,
  PRIMARY KEY (environment, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX live_release_by_place ON live_release (environment, place);

CREATE TABLE facts (
  environment TEXT NOT NULL REFERENCES environment (key),
  name TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (environment, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE step (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment TEXT NOT NULL REFERENCES environment (key),
  deployment TEXT,
  what TEXT NOT NULL,
  subject TEXT NOT NULL,
  why TEXT NOT NULL,
  begun_at INTEGER NOT NULL,
  ended_at INTEGER,
  fault TEXT
) STRICT;
CREATE INDEX step_by_deployment ON step (deployment) WHERE deployment IS NOT NULL;
CREATE INDEX step_by_time ON step (begun_at);

CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  environment TEXT NOT NULL REFERENCES environment (key),
  kind TEXT NOT NULL,
  deployment TEXT,
  subject TEXT,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_environment ON event (environment, id);
CREATE INDEX event_by_deployment ON event (deployment, id) WHERE deployment IS NOT NULL;
CREATE INDEX event_by_time ON event (at);

CREATE TABLE claim (
  key TEXT PRIMARY KEY,
  request_digest TEXT NOT NULL,
  claimed_at INTEGER NOT NULL,
  status INTEGER,
  body TEXT
) STRICT;
CREATE INDEX claim_by_time ON claim (claimed_at);
`,
  },
  {
    name: "maintenance of an environment",
    sql: `
ALTER TABLE environment ADD COLUMN maintenance TEXT;
`,
  },
  {
    name: "versions of values, sealed; those set before were not, and have to be set again",
    sql: `
CREATE TABLE value (
  environment TEXT NOT NULL REFERENCES environment (key),
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  sealed TEXT,
  digest TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  set_by TEXT NOT NULL,
  PRIMARY KEY (environment, name, version)
) STRICT, WITHOUT ROWID;
UPDATE environment SET variables = '{}';
`,
  },
  {
    name: "who did what",
    sql: `
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  via TEXT NOT NULL,
  address TEXT,
  action TEXT NOT NULL,
  environment TEXT,
  names TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_environment ON audit (environment, id);
CREATE INDEX audit_by_time ON audit (at);
`,
  },
  {
    name: "previews",
    sql: `
ALTER TABLE environment ADD COLUMN preview TEXT;
`,
  },
  {
    name: "code that waits to be deployed",
    sql: `
ALTER TABLE environment ADD COLUMN staged TEXT;
`,
  },
  {
    name: "tokens with a name",
    sql: `
CREATE TABLE token (
  name TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
`,
  },
  {
    name: "code that waits is a release; what waited before was not built, and has to be staged again",
    sql: `
ALTER TABLE environment DROP COLUMN staged;
ALTER TABLE environment ADD COLUMN staged INTEGER;
`,
  },
  {
    name: "values without the digests that were equal in all environments",
    sql: `
ALTER TABLE value DROP COLUMN digest;
UPDATE environment SET variables = (
  SELECT json_group_object(key, json(json_remove(value, '$.digest'))) FROM json_each(environment.variables)
);
`,
  },
  {
    name: "what a request came to whose answer was lost",
    sql: `
ALTER TABLE claim ADD COLUMN outcome TEXT;
`,
  },
  {
    name: "the installation whose journal it is",
    sql: `
CREATE TABLE installation (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
`,
  },
  {
    name: "a sum of every row, which tells when it is not what was written",
    sql: `
ALTER TABLE environment ADD COLUMN sum INTEGER;
ALTER TABLE release ADD COLUMN sum INTEGER;
ALTER TABLE deployment ADD COLUMN sum INTEGER;
ALTER TABLE live_release ADD COLUMN sum INTEGER;
ALTER TABLE facts ADD COLUMN sum INTEGER;
ALTER TABLE step ADD COLUMN sum INTEGER;
ALTER TABLE event ADD COLUMN sum INTEGER;
ALTER TABLE claim ADD COLUMN sum INTEGER;
ALTER TABLE value ADD COLUMN sum INTEGER;
ALTER TABLE audit ADD COLUMN sum INTEGER;
ALTER TABLE token ADD COLUMN sum INTEGER;
ALTER TABLE installation ADD COLUMN sum INTEGER;
ALTER TABLE migration ADD COLUMN sum INTEGER;
`,
  },
];

/** What is recorded of every migration that was run. */
export const migrationTable = `
CREATE TABLE migration (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,
  done_at INTEGER NOT NULL
) STRICT;
`;

export function checksum(migration: Migration): string {
  return sha256(migration.sql);
}

/** The tables as kysely knows them. */
export interface Tables {
  environment: {
    key: string;
    serving: Generated<string | null>;
    scale: Generated<string>;
    variables: Generated<string>;
    revision: Generated<number>;
    stopped: Generated<number>;
    maintenance: Generated<string | null>;
    preview: Generated<string | null>;
    staged: Generated<number | null>;
  };
  value: {
    environment: string;
    name: string;
    version: number;
    sealed: string | null;
    set_at: number;
    set_by: string;
  };
  release: { environment: string; number: number; record: string };
  deployment: { place: Generated<number>; id: string; environment: string; phase: string; record: string };
  live_release: { environment: string; number: number; place: number };
  facts: { environment: string; name: string; record: string };
  step: {
    id: Generated<number>;
    environment: string;
    deployment: string | null;
    what: string;
    subject: string;
    why: string;
    begun_at: number;
    ended_at: Generated<number | null>;
    fault: Generated<string | null>;
  };
  event: {
    id: Generated<number>;
    at: number;
    environment: string;
    kind: string;
    deployment: string | null;
    subject: string | null;
    detail: string;
  };
  audit: {
    id: Generated<number>;
    at: number;
    by: string;
    via: string;
    address: string | null;
    action: string;
    environment: string | null;
    names: string;
    detail: string;
  };
  token: {
    name: string;
    digest: string;
    created_at: number;
    created_by: string;
    expires_at: number | null;
    used_at: number | null;
  };
  claim: {
    key: string;
    request_digest: string;
    claimed_at: number;
    status: Generated<number | null>;
    body: Generated<string | null>;
    outcome: Generated<string | null>;
  };
  installation: { id: string };
  migration: { number: number; name: string; checksum: string; done_at: number };
}
