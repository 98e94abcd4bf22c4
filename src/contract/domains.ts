import { z } from "zod";
import { checkView } from "./controller.ts";
import type { Routes, ViewOf } from "./route.ts";
import { faultView, time } from "./scalars.ts";

const pem = z.string().max(65_536);

export const certificateView = z
  .object({
    source: z.enum(["acme", "own", "self-signed"]),
    hosts: z.array(z.string()).describe("All hosts that it is served for."),
    issuer: z.string(),
    serial: z.string(),
    from: time,
    until: time,
    renewal: time.nullable().describe("When it is renewed automatically; null for your own, which is not renewed."),
  })
  .meta({ id: "Certificate" });

export const domainView = z
  .object({
    host: z.string(),
    app: z.string().nullable().describe("The service whose route serves it; null if none does."),
    environment: z.string().nullable(),
    service: z.string().nullable(),
    state: z
      .enum(["served", "expiring", "expired", "waiting", "failing", "plain"])
      .describe(
        "`waiting`: its first certificate was requested. `failing`: it was refused and is retried. `plain`: there is no authority for it, so it is served without TLS.",
      ),
    certificate: certificateView.nullable(),
    fault: faultView.nullable().describe("Why the last request failed."),
    nextTryAt: time.nullable(),
  })
  .meta({ id: "Domain" });
export type DomainView = ViewOf<typeof domainView>;

export const domainList = z.object({ items: z.array(domainView) }).meta({ id: "DomainList" });

export const certificateRequest = z
  .union([
    z.strictObject({
      chain: pem.describe("PEM: the host's certificate, then the intermediate ones."),
      key: pem.describe("PEM, not encrypted. It is never returned or logged."),
    }),
    z.strictObject({ selfSigned: z.literal(true).describe("Signed by this machine's own authority.") }),
  ])
  .meta({ id: "CertificateRequest" });
export type CertificateRequest = ViewOf<typeof certificateRequest>;

export const domainCheckRequest = z
  .strictObject({
    retry: z.boolean().default(false).describe("Ask the authority again now, whatever its last answer."),
  })
  .meta({ id: "DomainCheckRequest" });

export const domainCheckView = z.object({ host: z.string(), checks: z.array(checkView) }).meta({ id: "DomainCheck" });

export const domainRoutes = {
  domains: {
    method: "get",
    path: "/v1/domains",
    action: "read",
    status: 200,
    answer: domainList,
    summary: "Hosts of served routes and hosts with a certificate, with their state",
  },
  addCertificate: {
    method: "put",
    path: "/v1/domains/{host}/certificate",
    action: "configure",
    status: 200,
    body: certificateRequest,
    answer: domainView,
    summary: "Serve a host with your own certificate, or with one signed by this machine",
  },
  removeCertificate: {
    method: "delete",
    path: "/v1/domains/{host}/certificate",
    action: "configure",
    status: 204,
    summary: "Remove the certificates of exactly this host",
  },
  checkDomain: {
    method: "post",
    path: "/v1/domains/{host}/check",
    action: "configure",
    status: 200,
    body: domainCheckRequest,
    answer: domainCheckView,
    summary: "Check name, port and certificate of a host as an authority would",
  },
} as const satisfies Routes;
