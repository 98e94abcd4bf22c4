import { command, required } from "../../command.ts";
import { toggle } from "../../flags.ts";
import { checksText } from "../../views/checks.ts";

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
    return checksText(checks, paint);
  },
  exit: ({ checks }) => (checks.some(({ state }) => state === "fail") ? 1 : 0),
});
