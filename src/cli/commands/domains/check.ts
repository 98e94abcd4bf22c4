import { command, required } from "../../command.ts";
import { toggle } from "../../flags.ts";
import { harmless, table } from "../../paint.ts";

export default command({
  about:
    "Looks at a host as a certificate authority would: whether its name leads here, whether port 80 leads to the edge, which\ncertificate it has, and what the authority said last. Nothing is asked of the authority. Exit 1 when any row fails.",
  args: { host: required("A host name") },
  flags: { retry: toggle("--retry", "Then ask the authority again at once, whatever it said last") },
  examples: [
    ["fairlead domains check shop.example.com", "why is there no certificate?"],
    ["fairlead domains check shop.example.com --retry", "after you have mended the DNS record"],
  ],
  async run({ args, flags, world }) {
    return world.api().checkDomain(args.host.toLowerCase(), { retry: flags.retry });
  },
  view({ checks }, paint) {
    const colour = { ok: paint.green, warn: paint.yellow, fail: paint.red };
    const rows = checks.map(({ name, state, detail, fix }) => [
      colour[state](state),
      name,
      harmless(detail, paint),
      fix === null ? "" : `-> ${fix}`,
    ]);
    return table(["STATE", "CHECK", "FOUND", "FIX"], rows, paint);
  },
  exit: ({ checks }) => (checks.some(({ state }) => state === "fail") ? 1 : 0),
});
