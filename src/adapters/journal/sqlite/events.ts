import { keyText } from "../../../model/environment.ts";
import type { Event, EventKind } from "../../../model/event.ts";
import type { EventBook } from "../../../ports/journal/events.ts";
import { type Database, type RowOf, select } from "./database.ts";
import { toKey } from "./records.ts";
import type { Writes } from "./writes.ts";

const columns = {
  id: "integer",
  at: "integer",
  environment: "text",
  kind: "text",
  deployment: "text?",
  subject: "text?",
  detail: "text",
} as const;

const later = (where: string) => select(columns, `FROM event WHERE id > ? ${where} ORDER BY id LIMIT ?`);
const all = later("");
const ofEnvironment = later("AND environment = ?");
const ofDeployment = later("AND deployment = ?");
/** The deployment's index is the narrow one: `+` keeps SQLite from the other. */
const ofBoth = later("AND deployment = ? AND +environment = ?");
const last = select({ id: "integer" }, "FROM event ORDER BY id DESC LIMIT 1");

/** The book of what happened. */
export function eventBook(database: Database): EventBook {
  return {
    page: async ({ key, deployment, after, limit }) => {
      const environment = key && keyText(key);
      if (deployment !== undefined && environment !== undefined)
        return database.all(ofBoth, after, deployment, environment, limit).map(toEvent);
      if (deployment !== undefined) return database.all(ofDeployment, after, deployment, limit).map(toEvent);
      if (environment !== undefined) return database.all(ofEnvironment, after, environment, limit).map(toEvent);
      return database.all(all, after, limit).map(toEvent);
    },
    lastId: async () => database.first(last)?.id ?? 0,
  };
}

function toEvent({ environment, kind, ...row }: RowOf<typeof columns>): Event {
  return { ...row, key: toKey(environment), kind: kind as EventKind };
}

export const eventWrites: Writes<"event"> = {
  event: (database, { event: { at, key, kind, deployment, subject, detail } }) =>
    database.insert("event", { at, environment: keyText(key), kind, deployment, subject, detail }),
};
