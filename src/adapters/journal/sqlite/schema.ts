import { sha256 } from "../../../base/digest.ts";

/** `PRAGMA application_id` of a journal: "FLjr", so that another program's database is not taken for one. */
export const applicationId = 0x464c6a72;

/** A step of the schema. One that was released never changes, since its checksum is kept in every journal. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export const firstTables: Migration = {
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
};

export const installationTable: Migration = {
  name: "the installation whose journal it is",
  sql: `
CREATE TABLE installation (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
`,
};

export const sumColumns: Migration = {
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
};

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
