import type { Client } from "../../../client/client.ts";
import type { AuditEntryView, AuditFilter } from "../../../contract/audit.ts";
import { defineCommand } from "../../command.ts";
import { countFlag, textFlag } from "../../flags.ts";
import { moment } from "../../logs.ts";
import { harmlessLine, table } from "../../paint.ts";

/** Most entries of one request. */
const pageEntries = 200;

export default defineCommand({
  about:
    "Lists who changed what and who read which secrets, newest last: for the whole controller, or with -e for one\nenvironment. It contains names, never values. Entries are kept for 400 days.",
  flags: {
    limit: countFlag("-n, --limit <count>", "Number of newest entries (default 50)", { min: 1, max: 10_000 }),
    since: textFlag("--since <time>", "Start time: 24h, or 2026-01-31T12:00:00Z"),
  },
  examples: [
    ["fairlead audit -e production --since 24h", "changes to production since yesterday"],
    ["fairlead audit -n 10000 --json", "for an archive"],
  ],
  async run({ flags, world }) {
    const { app, environment } = world.globals;
    const isNarrow = app !== undefined || environment !== undefined;
    const query = {
      ...(isNarrow && world.key()),
      ...(flags.since !== undefined && { since: moment("--since", flags.since, world.host.now()) }),
    };
    return { items: await newest(world.api(), query, flags.limit ?? 50) };
  },
  view({ items }, paint) {
    if (items.length === 0) return "No entries.";
    const rows = items.map(({ time, by, from, action, app, environment, names, detail }) => [
      time.slice(0, 19).replace("T", " "),
      from === null ? by : `${by} ${from}`,
      action,
      app === null ? "-" : `${app}/${environment}`,
      harmlessLine(names.join(" ") || "-", paint),
      harmlessLine(detail, paint),
    ]);
    return table(["TIME (UTC)", "WHO", "DID", "WHERE", "NAMES", "DETAIL"], rows, paint);
  },
});

/** The newest entries, the oldest of them first. */
async function newest(api: Client, filter: AuditFilter, wanted: number): Promise<readonly AuditEntryView[]> {
  const found: AuditEntryView[] = [];
  let cursor: string | null = null;
  do {
    const limit = Math.min(wanted - found.length, pageEntries);
    const query: AuditFilter = { ...filter, limit, ...(cursor !== null && { cursor }) };
    const { items, nextCursor } = await api.call("audit", { query });
    found.push(...items);
    cursor = nextCursor;
  } while (cursor !== null && found.length < wanted);
  return found.reverse();
}
