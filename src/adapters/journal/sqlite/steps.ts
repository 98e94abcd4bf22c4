import { canonicalJson } from "../../../base/digest.ts";
import { Fault, type FaultRecord } from "../../../base/faults.ts";
import { keyText } from "../../../model/environment.ts";
import type { StepBook } from "../../../ports/journal/steps.ts";
import { type Database, select } from "./database.ts";
import { ensureEnvironment } from "./environments.ts";
import { parsedOrNull, toKey } from "./records.ts";
import type { Writes } from "./writes.ts";

const stepsOf = select(
  {
    id: "integer",
    environment: "text",
    what: "text",
    subject: "text",
    why: "text",
    begun_at: "integer",
    ended_at: "integer?",
    fault: "text?",
  },
  "FROM step WHERE deployment = ? ORDER BY id",
);

/** The book of what deployments did. */
export function stepBook(database: Database): StepBook {
  return {
    begin: async ({ key, deployment, what, subject, why, begunAt }) =>
      database.transaction(() => {
        const environment = keyText(key);
        ensureEnvironment(database, environment);
        return database.insert("step", { environment, deployment, what, subject, why, begun_at: begunAt });
      }),
    of: async (deployment) =>
      database.all(stepsOf, deployment).map((row) => {
        const { id, environment, what, subject, why, begun_at: begunAt, ended_at: endedAt } = row;
        const fault = parsedOrNull<FaultRecord>(row.fault, "fault of a step");
        return { id, key: toKey(environment), deployment, what, subject, why, begunAt, endedAt, fault };
      }),
  };
}

export const stepWrites: Writes<"step.ended"> = {
  "step.ended": (database, { id, at, fault }) => {
    const sql = "UPDATE step SET ended_at = ?, fault = ? WHERE id = ?";
    if (database.run(sql, at, fault && canonicalJson(fault), id) === 0) {
      throw new Fault("operation.failed", `step ${id} is not in the journal`);
    }
  },
};
