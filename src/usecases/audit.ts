import { oneLine } from "../base/printable.ts";
import type { AuditEntry } from "../model/audit.ts";
import type { EnvKey } from "../model/environment.ts";
import type { Change } from "../ports/journal.ts";
import { type Call, invalid } from "./access.ts";
import { type Page, pageOf } from "./paging.ts";

/** The content of an entry besides who and when. */
type Account = Pick<AuditEntry, "action" | "key"> & Partial<Pick<AuditEntry, "names" | "detail">>;

/**
 * An audit entry whose texts are single lines, so that they cannot forge rows. Record it together with the change, and
 * before anything is shown.
 */
export function audited({ deps, actor }: Call, account: Account): Change {
  const { names = [], detail = "" } = account;
  const said = { names: names.map((name) => oneLine(name)), detail: oneLine(detail) };
  return { kind: "audit", entry: { ...account, ...said, at: deps.clock.now(), actor } };
}

export interface AuditQuery {
  /** Null: of the whole controller and all environments. */
  readonly key: EnvKey | null;
  readonly since: number | null;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Who did what, newest first; `cursor` is the id of the last one seen. Faults: `request.invalid`. */
export async function readAudit(call: Call, { key, since, limit, cursor }: AuditQuery): Promise<Page<AuditEntry>> {
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
    throw invalid("cursor", "must be the nextCursor of a previous page");
  }
  const found = await call.deps.journal.audit.page({
    ...(key && { key }),
    ...(since !== null && { since }),
    ...(cursor !== undefined && { before: Number(cursor) }),
    limit: limit + 1,
  });
  return pageOf(found, limit, ({ id }) => String(id));
}
