import { defineCommand } from "../../command.ts";
import { table } from "../../paint.ts";

export default defineCommand({
  about:
    "Lists the tokens for access over the network: creator, creation time, last use and expiry. The controller's own token,\nwhich the audit calls `token`, is not listed.",
  examples: [
    ["fairlead tokens list", "find unused tokens"],
    ["fairlead tokens list --json", "for scripts"],
  ],
  async run({ world }) {
    const now = world.host.now();
    const { items } = await world.api().call("tokens");
    return {
      items: items.map((token) => ({
        ...token,
        expired: token.expiresAt !== null && Date.parse(token.expiresAt) <= now,
      })),
    };
  },
  view({ items }, paint) {
    if (items.length === 0) return "No tokens; create one with `fairlead tokens create NAME`.";
    const rows = items.map(({ name, createdAt, createdBy, usedAt, expiresAt, expired }) => [
      name,
      minuteText(createdAt),
      createdBy,
      minuteText(usedAt),
      expired ? paint.red("expired") : minuteText(expiresAt),
    ]);
    return table(["NAME", "CREATED (UTC)", "BY", "LAST USED", "EXPIRES"], rows, paint);
  },
});

function minuteText(time: string | null): string {
  return time === null ? "never" : time.slice(0, 16).replace("T", " ");
}
