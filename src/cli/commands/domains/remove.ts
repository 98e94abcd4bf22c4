import { Fault } from "../../../base/faults.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { hostArgument } from "../../host-argument.ts";

export default defineCommand({
  about:
    "Removes the certificates of exactly this host. If a route still serves it, a new one is requested if an authority is\nconfigured; otherwise it is served without TLS.",
  args: { host: requiredArgument("Name as listed by `fairlead domains`") },
  examples: [
    ["fairlead domains remove shop.example.com", "asks first"],
    ["fairlead domains remove shop.example.com --yes", "for scripts"],
  ],
  async run({ args, world }) {
    const host = hostArgument(args.host);
    const api = world.api();
    const { items } = await api.call("domains");
    if (!items.some((one) => one.host === host))
      throw new Fault("certificate.unknown", `there is no certificate for ${host}`);
    await world.confirm(`Remove the certificate of ${host}?`);
    await api.call("removeCertificate", { params: { host } });
    return { host, removed: true };
  },
  view: ({ host }) => `Removed the certificate of ${host}.`,
});
