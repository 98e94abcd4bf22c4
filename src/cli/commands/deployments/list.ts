import { formatDuration } from "../../../base/duration.ts";
import { defineCommand } from "../../command.ts";
import { countFlag } from "../../flags.ts";
import { harmless, table } from "../../paint.ts";
import { isGood } from "../../progress.ts";

export default defineCommand({
  about: "Lists deployments, newest first, with their results and reasons.",
  flags: { limit: countFlag("-n, --limit <count>", "Maximum number (default 20)", { min: 1, max: 200 }) },
  examples: [
    ["fairlead deployments", "the newest twenty"],
    ["fairlead deployments -n 5 --json", "for scripts"],
  ],
  async run({ flags, world }) {
    const { items } = await world
      .api()
      .call("deployments", { params: world.key(), query: { limit: flags.limit ?? 20 } });
    return { items };
  },
  view({ items }, paint) {
    if (items.length === 0) return "No deployments yet.";
    const rows = items.map((item) => [
      item.id,
      item.kind,
      item.release,
      isGood(item) ? paint.green(item.status) : item.fault === null ? item.status : paint.red(item.status),
      item.createdAt.slice(0, 19).replace("T", " "),
      formatDuration(item.durationMs),
      harmless(item.fault?.detail ?? "", paint),
    ]);
    return table(["DEPLOYMENT", "KIND", "RELEASE", "STATUS", "BEGUN (UTC)", "TOOK", "FAULT"], rows, paint);
  },
});
