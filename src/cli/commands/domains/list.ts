import { withReadableHost } from "../../../base/host-name.ts";
import type { DomainView } from "../../../contract/domains.ts";
import { defineCommand } from "../../command.ts";
import { harmless, type Paint, table } from "../../paint.ts";

export default defineCommand({
  about:
    "Lists every host of a served route and every host with a certificate: its service, its certificate and expiry, and the\nlast error.",
  examples: [
    ["fairlead domains", "hosts and their certificates"],
    ["fairlead domains list --json", "for scripts"],
  ],
  async run({ world }) {
    const { items } = await world.api().call("domains");
    return { items };
  },
  view({ items }, paint) {
    if (items.length === 0) return "No host is served yet.";
    return table(["HOST", "SERVED BY", "STATE", "CERTIFICATE", "UNTIL", "LAST FAULT"], items.map(row(paint)), paint);
  },
});

const row =
  (paint: Paint) =>
  ({ host, app, environment, service, state, certificate, fault, nextTryAt }: DomainView): string[] => {
    const colours = {
      served: paint.green,
      expiring: paint.yellow,
      expired: paint.red,
      waiting: paint.yellow,
      failing: paint.red,
      plain: paint.dim,
    };
    const again = nextTryAt === null ? "" : `, again at ${nextTryAt.slice(0, 16)}Z`;
    return [
      withReadableHost(host),
      app === null ? "-" : `${app}/${environment} ${service}`,
      colours[state](state),
      certificate === null ? "-" : harmless(`${certificate.source} (${certificate.issuer})`, paint),
      certificate === null ? "-" : certificate.until.slice(0, 10),
      fault === null ? "" : harmless(`${fault.code}: ${fault.detail}${again}`, paint),
    ];
  };
