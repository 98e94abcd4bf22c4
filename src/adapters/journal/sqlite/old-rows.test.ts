import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { canonicalJson } from "../../../base/digest.ts";
import { plainRules } from "../../../model/release.ts";
import type { Clock } from "../../../ports/clock.ts";
import { ended } from "../../../testing/conformance/journal/samples.ts";
import { migrations } from "./books.ts";
import { openFile } from "./file.ts";
import { openJournal } from "./open.ts";

const clock: Clock = { now: () => 1_000, after: () => () => {} };
const key = { app: "shop", environment: "production" };
let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-old-"));
  file = join(directory, "journal.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

const http = { ...plainRules, port: 80, hosts: ["shop.example.com"], ready: null, alive: null };
const limits = { memoryBytes: null, cpus: null, readOnly: false };
const stop = { signal: "SIGTERM", withinMs: 1, drainMs: 1 };
const rest = {
  command: null,
  artifact: "sha256:01",
  replicas: 1,
  single: false,
  needs: [],
  stop,
  settleMs: 1,
  ...limits,
};
const env = { LOG_LEVEL: "INFO", DATABASE_URL: ["postgres://", { secret: "PASSWORD", version: 2 }] };
const web = { name: "web", env, http, release: ["migrate"], ...rest };
const worker = { name: "worker", env: {}, http: null, release: null, ...rest };

/** As the first version with sealed values wrote it (migrations 1 to 3). */
const release = {
  ...{ key, number: 1, createdAt: 7, createdBy: "ada", message: null, source: "sha256:00", artifacts: [] },
  services: [web, worker],
  deploy: { watch: { forMs: 1_000, errors: 0.01, p95Ms: null }, canary: null, keep: 10 },
  manifest: "version: 1\n",
};

/** A journal as that version left it. */
function leaveOld(more: object): void {
  openFile(file, { migrations: migrations.slice(0, 3), now: 1 }).close();
  const { checks: _later, ...deployment } = ended(1, "live");
  const old = new DatabaseSync(file);
  old.exec(`INSERT INTO environment (key, serving) VALUES ('shop/production', '{"generations":{},"release":1}')`);
  old
    .prepare("INSERT INTO release (environment, number, record) VALUES ('shop/production', 1, ?)")
    .run(canonicalJson({ ...release, ...more }));
  old
    .prepare("INSERT INTO deployment (id, environment, phase, record) VALUES (?, 'shop/production', 'ended', ?)")
    .run(deployment.id, canonicalJson(deployment));
  old.close();
}

test("rows of the first version with sealed values are read as if this version had written them", async () => {
  leaveOld({});
  const journal = await openJournal(file, clock);
  const usual = { checks: { before: [], after: [] }, releaseWithinMs: 1_800_000 };
  const upgraded = {
    ...release,
    services: [
      { ...web, ...usual, http: { ...http, internal: false } },
      { ...worker, ...usual },
    ],
    ...{ allowed: [], branch: null, commit: null, protection: null, secrets: ["PASSWORD"] },
  };
  expect(await journal.releases.find(key, 1)).toEqual(upgraded);
  expect(await journal.releases.page(key, { limit: 9 })).toEqual([upgraded]);
  expect(await journal.deployments.page(key, { limit: 9 })).toEqual([ended(1, "live")]);
  expect(await journal.environments.find(key)).toMatchObject({ serving: { release: 1 }, preview: null, staged: null });
  await journal.commit([{ kind: "deployment", deployment: ended(2, "live", { release: 1 }) }]);
  await journal.close();
  const again = await openJournal(file, clock);
  expect(await again.releases.live(key, 9)).toEqual([1]);
  await again.close();
});

test("what a row says is not replaced, and a protection of before there were names lets everybody", async () => {
  const said = { allowed: [{ rule: "r", by: "ada", because: "b" }], branch: "main", secrets: [] };
  leaveOld({ ...said, protection: { confirm: true, branches: null } });
  const journal = await openJournal(file, clock);
  const protection = { confirm: true, branches: null, who: null };
  expect(await journal.releases.find(key, 1)).toMatchObject({ ...said, protection });
  await journal.close();
});
