import { defineCommand, requiredArgument } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { hostArgument } from "../../host-argument.ts";
import { checksText } from "../../views/checks.ts";

export default defineCommand({
  about:
    "Checks a host as a certificate authority would: whether its name resolves to this machine, whether port 80 reaches the\nedge, which certificate it has, and the authority's last answer. It does not contact the authority. Exit 1 if any row\nfails.",
  args: { host: requiredArgument("A host name") },
  flags: { retry: toggleFlag("--retry", "Then ask the authority again at once, whatever its last answer") },
  examples: [
    ["fairlead domains check shop.example.com", "why is there no certificate?"],
    ["fairlead domains check shop.example.com --retry", "after fixing the DNS record"],
  ],
  async run({ args, flags, world }) {
    return world.api().call("checkDomain", { params: { host: hostArgument(args.host) }, body: { retry: flags.retry } });
  },
  view({ checks }, paint) {
    return checksText(checks, paint);
  },
  exit: ({ checks }) => (checks.some(({ state }) => state === "fail") ? 1 : 0),
});
