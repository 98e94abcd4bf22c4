import { command } from "../../command.ts";
import { table } from "../../paint.ts";

export default command({
  about:
    "Lists the tokens for access over the network: who made each and when, when it was last used, and until when it is good.\nThe controller's own token, which the audit calls `token`, is not among them.",
  examples: [
    ["fairlead tokens list", "which of them nobody uses any more"],
    ["fairlead tokens list --json", "for scripts"],
  ],
  async run({ world }) {
    const now = world.host.now();
    const { items } = await world.api().tokens();
    return {
      items: items.map((token) => ({
        ...token,
        expired: token.expiresAt !== null && Date.parse(token.expiresAt) <= now,
      })),
    };
  },
  view({ items }, paint) {
    if (items.length === 0) return "There is no token; make one with `fairlead tokens create NAME`.";
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
