import type { DomainView, domainRoutes } from "../../contract/domains.ts";
import type { Domain } from "../../model/certificate.ts";
import { addCertificate, checkDomain, listDomains, removeCertificate } from "../../usecases/domains.ts";
import { timeOrNull, timeText } from "../encode.ts";
import type { HandlersOf } from "../exchange.ts";

export const domainHandlers: HandlersOf<typeof domainRoutes> = {
  domains: async ({ call }) => ({ json: { items: (await listDomains(call)).map(encodeDomain) } }),
  addCertificate: async ({ call, params, body }) => {
    const pair = "chain" in body ? { chain: body.chain, key: body.key } : null;
    return { json: encodeDomain(await addCertificate(call, params.host, { pair })) };
  },
  removeCertificate: async ({ call, params }) => {
    await removeCertificate(call, params.host);
    return null;
  },
  checkDomain: async ({ call, params, body }) => ({
    json: { host: params.host, checks: await checkDomain(call, params.host, body) },
  }),
};

function encodeDomain({ host, state, route, certificate, renewAt, fault, nextAt }: Domain): DomainView {
  return {
    host,
    app: route?.key.app ?? null,
    environment: route?.key.environment ?? null,
    service: route?.service ?? null,
    state,
    certificate: certificate && {
      source: certificate.source,
      hosts: certificate.hosts,
      issuer: certificate.issuer,
      serial: certificate.serial,
      from: timeText(certificate.from),
      until: timeText(certificate.until),
      renewal: timeOrNull(renewAt),
    },
    fault,
    nextTryAt: timeOrNull(nextAt),
  };
}
