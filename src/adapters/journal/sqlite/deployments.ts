import { canonicalJson } from "../../../base/digest.ts";
import { type Deployment, isOver } from "../../../model/deployment.ts";
import { keyText } from "../../../model/environment.ts";
import type { DeploymentBook } from "../../../ports/journal/deployments.ts";
import { type Database, select } from "./database.ts";
import { parsed } from "./records.ts";
import type { Writes } from "./writes.ts";

const record = { record: "text" } as const;
const one = select(record, "FROM deployment WHERE id = ?");
const newest = select(record, "FROM deployment WHERE environment = ? ORDER BY place DESC LIMIT ?");
const before = select(
  record,
  `FROM deployment WHERE environment = ? AND place < (SELECT place FROM deployment WHERE id = ?)
    ORDER BY place DESC LIMIT ?`,
);
/** The phase stands in the text, not in a parameter: only so SQLite takes the partial index. */
const unfinished = select(record, "FROM deployment WHERE environment = ? AND phase <> 'ended' ORDER BY place");

/** The book of deployments. */
export function deploymentBook(database: Database): DeploymentBook {
  return {
    find: async (id) => {
      const row = database.first(one, id);
      return row ? toDeployment(row) : null;
    },
    page: async (key, { before: id, limit }) => {
      const environment = keyText(key);
      const rows =
        id === undefined ? database.all(newest, environment, limit) : database.all(before, environment, id, limit);
      return rows.map(toDeployment);
    },
    unfinished: async (key) => database.all(unfinished, keyText(key)).map(toDeployment),
  };
}

/** Previous versions kept no results of checks. */
function toDeployment({ record }: { readonly record: string }): Deployment {
  return { checks: [], ...parsed<Omit<Deployment, "checks"> & Partial<Deployment>>(record, "record") };
}

export const deploymentWrites: Writes<"deployment"> = {
  deployment: (database, { deployment }) => {
    const { id, phase } = deployment;
    const row = { id, environment: keyText(deployment.key), phase, record: canonicalJson(deployment) };
    const replaced = "ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, record = excluded.record";
    database.insert("deployment", row, replaced);
    if (isOver(deployment) && deployment.verdict === "live") writeLive(database, deployment);
  },
};

/** The place of the last deployment that made a release live is the release's own. */
function writeLive(database: Database, { id, key, release }: Deployment): void {
  const sql = `INSERT INTO live_release (environment, number, place) SELECT ?, ?, place FROM deployment WHERE id = ?
    ON CONFLICT (environment, number) DO UPDATE SET place = excluded.place WHERE live_release.place < excluded.place`;
  database.run(sql, keyText(key), release, id);
}
