import { type FaultRecord, faults } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import type { Domain, DomainFinding } from "../model/certificate.ts";
import type { Call } from "./access.ts";
import { audited } from "./audit.ts";

/** Every host of a served route and every host with a certificate, by name. */
export async function listDomains(call: Call): Promise<readonly Domain[]> {
  return call.deps.certificates.domains();
}

/** The state of one host, also of an unknown one. */
export async function readDomain(call: Call, host: string): Promise<Domain> {
  const known = (await call.deps.certificates.domains()).find((domain) => domain.host === host);
  return known ?? unknown(host);
}

function unknown(host: string): Domain {
  const nothing = { route: null, certificate: null, renewAt: null, fault: null, nextAt: null };
  return { host, state: "plain", signer: "none", ...nothing };
}

export interface CertificateGiven {
  /** A supplied certificate, or null: this machine's own authority signs. */
  readonly pair: { readonly chain: string; readonly key: string } | null;
}

/** Stores a certificate for a host, replacing the current one. Fault: `certificate.invalid`, and nothing is changed. */
export async function addCertificate(call: Call, host: string, { pair }: CertificateGiven): Promise<Domain> {
  const { certificates, journal } = call.deps;
  if (pair === null) await certificates.selfSign(host);
  else await certificates.add({ chain: pair.chain, key: new Secret(pair.key) }, [host]);
  await journal.commit([audited(call, { action: "domains.add", key: null, names: [host] })]);
  return readDomain(call, host);
}

/**
 * Removes exactly this host's certificates; for a served route a new one is requested. Fault: `certificate.unknown`.
 */
export async function removeCertificate(call: Call, host: string): Promise<void> {
  await call.deps.certificates.remove(host);
  await call.deps.journal.commit([audited(call, { action: "domains.remove", key: null, names: [host] })]);
}

/** One check, as in `doctor`. */
export interface DomainCheck {
  readonly name: "tls" | "dns" | "port" | "certificate" | "authority";
  readonly state: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly fix: string | null;
}

/** Checks a host now, as an authority would. `retry`: requests a certificate at once, whatever its last failure. */
export async function checkDomain(
  call: Call,
  host: string,
  { retry }: { retry: boolean },
): Promise<readonly DomainCheck[]> {
  const { certificates, edge } = call.deps;
  const finding = await certificates.check(host);
  if (retry) await certificates.retry(host);
  const domain = await readDomain(call, host);
  return [
    tlsCheck(edge.secureAddress()),
    ...nameChecks(finding),
    certificateCheck(domain),
    ...(domain.fault === null ? [] : [authorityCheck(domain, domain.fault)]),
  ];
}

function tlsCheck(address: { host: string; port: number } | null): DomainCheck {
  if (address !== null) return { name: "tls", ...ok(`the edge takes TLS at ${address.host}:${address.port}`) };
  const fix = "Start the controller with --edge-tls, like --edge-tls 0.0.0.0:443.";
  return { name: "tls", state: "warn", detail: "the edge does not take TLS", fix };
}

function nameChecks({ dns, dnsDetail, port, portDetail }: DomainFinding): readonly DomainCheck[] {
  const unsure = "Set the machine's public addresses with --public-address.";
  const elsewhere = faults["domain.elsewhere"].hint;
  const unreachable = faults["domain.unreachable"].hint;
  const ways = { here: null, unknown: unsure, elsewhere, none: elsewhere } as const;
  const states = { here: "ok", unknown: "warn", elsewhere: "fail", none: "fail" } as const;
  const portStates = { answers: "ok", "not-tried": "warn", fails: "fail" } as const;
  return [
    { name: "dns", state: states[dns], detail: dnsDetail, fix: ways[dns] },
    { name: "port", state: portStates[port], detail: portDetail, fix: port === "fails" ? unreachable : null },
  ];
}

function certificateCheck({ state, certificate, signer }: Domain): DomainCheck {
  const name = "certificate";
  if (certificate !== null) {
    const until = new Date(certificate.until).toISOString().slice(0, 10);
    const detail = `${certificate.source}, by ${certificate.issuer}, serial ${certificate.serial}, until ${until}`;
    if (state === "served") return { name, ...ok(detail) };
    const fix = certificate.source === "own" ? "Add a newer one with `fairlead domains add`." : null;
    return { name, state: state === "expired" ? "fail" : "warn", detail, fix };
  }
  if (state === "waiting") return { name, state: "warn", detail: "the first one has been requested", fix: null };
  if (state === "failing") return { name, state: "fail", detail: "none yet", fix: null };
  const fix =
    signer === "none"
      ? "Start the controller with --acme-email, or add one with `fairlead domains add`."
      : "Deploy a service that names this host.";
  return { name, state: "warn", detail: "none, and none is requested", fix };
}

function authorityCheck({ nextAt }: Domain, fault: FaultRecord): DomainCheck {
  const when = nextAt === null ? "" : `; retried at ${new Date(nextAt).toISOString()}`;
  return { name: "authority", state: "fail", detail: `${fault.code}: ${fault.detail}${when}`, fix: fault.hint };
}

function ok(detail: string) {
  return { state: "ok", detail, fix: null } as const;
}
