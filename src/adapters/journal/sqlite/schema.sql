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
, sum INTEGER) STRICT;

CREATE INDEX audit_by_environment ON audit (environment, id);

CREATE INDEX audit_by_time ON audit (at);

CREATE TABLE claim (
  key TEXT PRIMARY KEY,
  request_digest TEXT NOT NULL,
  claimed_at INTEGER NOT NULL,
  status INTEGER,
  body TEXT
, outcome TEXT, sum INTEGER) STRICT;

CREATE INDEX claim_by_time ON claim (claimed_at);

CREATE TABLE deployment (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  environment TEXT NOT NULL REFERENCES environment (key),
  phase TEXT NOT NULL,
  record TEXT NOT NULL
, sum INTEGER) STRICT;

CREATE INDEX deployment_by_environment ON deployment (environment, place);

CREATE INDEX deployment_unfinished ON deployment (environment, place) WHERE phase <> 'ended';

CREATE TABLE environment (
  key TEXT PRIMARY KEY,
  serving TEXT,
  scale TEXT NOT NULL DEFAULT '{}',
  variables TEXT NOT NULL DEFAULT '{}',
  revision INTEGER NOT NULL DEFAULT 0,
  stopped INTEGER NOT NULL DEFAULT 0
, maintenance TEXT, preview TEXT, staged INTEGER, sum INTEGER) STRICT;

CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  environment TEXT NOT NULL REFERENCES environment (key),
  kind TEXT NOT NULL,
  deployment TEXT,
  subject TEXT,
  detail TEXT NOT NULL
, sum INTEGER) STRICT;

CREATE INDEX event_by_deployment ON event (deployment, id) WHERE deployment IS NOT NULL;

CREATE INDEX event_by_environment ON event (environment, id);

CREATE INDEX event_by_time ON event (at);

CREATE TABLE facts (
  environment TEXT NOT NULL REFERENCES environment (key),
  name TEXT NOT NULL,
  record TEXT NOT NULL, sum INTEGER,
  PRIMARY KEY (environment, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE installation (id TEXT PRIMARY KEY, sum INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE live_release (
  environment TEXT NOT NULL REFERENCES environment (key),
  number INTEGER NOT NULL,
  place INTEGER NOT NULL, sum INTEGER,
  PRIMARY KEY (environment, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX live_release_by_place ON live_release (environment, place);

CREATE TABLE migration (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,
  done_at INTEGER NOT NULL
, sum INTEGER) STRICT;

CREATE TABLE release (
  environment TEXT NOT NULL REFERENCES environment (key),
  number INTEGER NOT NULL,
  record TEXT NOT NULL, sum INTEGER,
  PRIMARY KEY (environment, number)
) STRICT;

CREATE TABLE sqlite_sequence(name,seq);

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
, sum INTEGER) STRICT;

CREATE INDEX step_by_deployment ON step (deployment) WHERE deployment IS NOT NULL;

CREATE INDEX step_by_time ON step (begun_at);

CREATE TABLE token (
  name TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  used_at INTEGER
, sum INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE value (
  environment TEXT NOT NULL REFERENCES environment (key),
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  sealed TEXT,
  set_at INTEGER NOT NULL,
  set_by TEXT NOT NULL, sum INTEGER,
  PRIMARY KEY (environment, name, version)
) STRICT, WITHOUT ROWID;
