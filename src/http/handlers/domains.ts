import type { DomainView } from "../../contract/domains.ts";
import type { Domain } from "../../model/certificate.ts";
import { addCertificate, checkDomain, listDomains, removeCertificate } from "../../usecases/domains.ts";
import { timeText } from "../encode.ts";
import type { Handlers } from "../exchange.ts";

export const domainHandlers = {
  domains: async ({ call }) => ({ json: { items: (await listDomains(call)).map(domainView) } }),
  addCertificate: async ({ call, params, body }) => {
    const pair = "chain" in body ? { chain: body.chain, key: body.key } : null;
    return { json: domainView(await addCertificate(call, params.host, { pair })) };
  },
  removeCertificate: async ({ call, params }) => {
    await removeCertificate(call, params.host);
    return new Response(null, { status: 204 });
  },
  checkDomain: async ({ call, params, body }) => {
    const checks = await checkDomain(call, params.host, { retry: body.retry });
    return { json: { host: params.host, checks: checks.map((check) => ({ ...check })) } };
  },
} satisfies Partial<Handlers>;

function domainView({ host, state, route, certificate, renewAt, fault, nextAt }: Domain): DomainView {
  return {
    host,
    app: route?.key.app ?? null,
    environment: route?.key.environment ?? null,
    service: route?.service ?? null,
    state,
    certificate: certificate && {
      source: certificate.source,
      hosts: [...certificate.hosts],
      issuer: certificate.issuer,
      serial: certificate.serial,
      from: timeText(certificate.from),
      until: timeText(certificate.until),
      renewal: renewAt === null ? null : timeText(renewAt),
    },
    fault,
    nextTryAt: nextAt === null ? null : timeText(nextAt),
  };
}
