import { defineCommand } from "../../command.ts";
import { countFlag } from "../../flags.ts";
import { harmlessLine, table } from "../../paint.ts";
import { codeText } from "../../views/code.ts";

export default defineCommand({
  about: "Lists releases, newest first. A release contains code, configuration and routes.",
  flags: { limit: countFlag("-n, --limit <count>", "Maximum number (default 20)", { min: 1, max: 200 }) },
  examples: [
    ["fairlead releases", "the newest twenty"],
    ["fairlead releases -n 5 --json", "for scripts"],
  ],
  async run({ flags, world }) {
    const { items } = await world.api().call("releases", { params: world.key(), query: { limit: flags.limit ?? 20 } });
    return { items };
  },
  view({ items }, paint) {
    if (items.length === 0) return "No releases yet.";
    const rows = items.map((item) => [
      item.release,
      item.serving ? paint.green("serving") : item.wasLive ? "was live" : paint.dim("never live"),
      item.createdAt.slice(0, 19).replace("T", " "),
      item.createdBy,
      harmlessLine(codeText(item), paint) || "-",
      harmlessLine(item.message ?? "", paint),
    ]);
    return table(["RELEASE", "STATE", "CREATED (UTC)", "BY", "CODE", "MESSAGE"], rows, paint);
  },
});
