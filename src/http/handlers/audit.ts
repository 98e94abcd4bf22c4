import type { AuditEntryView, auditRoutes } from "../../contract/audit.ts";
import type { AuditEntry } from "../../model/audit.ts";
import { readAudit } from "../../usecases/audit.ts";
import { timeText } from "../encode.ts";
import type { HandlersOf } from "../exchange.ts";

export const auditHandlers: HandlersOf<typeof auditRoutes> = {
  audit: async ({ call, query }) => {
    const { app, environment, since, limit, cursor } = query;
    const key = app === undefined || environment === undefined ? null : { app, environment };
    const order = { key, since: since === undefined ? null : Date.parse(since), limit, cursor };
    const { items, next } = await readAudit(call, order);
    return { json: { items: items.map(encodeEntry), nextCursor: next } };
  },
};

function encodeEntry({ id, at, actor, action, key, names, detail }: AuditEntry): AuditEntryView {
  const { name: by, via, from } = actor;
  const { app = null, environment = null } = key ?? {};
  return { id, time: timeText(at), by, via, from, action, app, environment, names, detail };
}
