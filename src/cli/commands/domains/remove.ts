import { command, required } from "../../command.ts";

export default command({
  about:
    "Forgets the certificates of exactly this host. A route that still serves it is asked for a new one, if an authority may\nbe asked; else it is served without TLS.",
  args: { host: required("As `fairlead domains` names it") },
  examples: [
    ["fairlead domains remove shop.example.com", "asks first"],
    ["fairlead domains remove shop.example.com --yes", "for scripts"],
  ],
  async run({ args, world }) {
    const host = args.host.toLowerCase();
    await world.confirm(`Forget the certificate of ${host}?`);
    await world.api().removeCertificate(host);
    return { host, removed: true };
  },
  view: ({ host }) => `The certificate of ${host} is forgotten.`,
});
