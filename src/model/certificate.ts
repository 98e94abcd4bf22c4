import type { FaultRecord } from "../base/faults.ts";
import type { EnvKey } from "./environment.ts";

/** Where a certificate came from: an ACME authority, a person, or the authority of this machine. */
export type CertificateSource = "acme" | "own" | "self-signed";

/** A certificate in the vault, without its key. */
export interface HeldCertificate {
  /** File name; the same for every certificate of this source for these hosts. */
  readonly id: string;
  readonly source: CertificateSource;
  /** Hosts that it is served for: names, or `*.` and a name. */
  readonly hosts: readonly string[];
  readonly issuer: string;
  readonly serial: string;
  readonly from: number;
  readonly until: number;
}

/** Failed requests for a host since the last success. */
export interface HostRecord {
  readonly host: string;
  /** 0 with a `lastAt`: begun, and the controller ended before the result was known. */
  readonly failures: number;
  readonly lastAt: number;
  readonly fault: FaultRecord | null;
  /** When the staging authority issued a certificate for it. */
  readonly rehearsedAt: number | null;
}

/** The findings about the name and the port of a host. */
export interface DomainFinding {
  readonly addresses: readonly string[];
  /** `unknown`: it has addresses, but this machine's public addresses are not configured. */
  readonly dns: "here" | "elsewhere" | "none" | "unknown";
  readonly dnsDetail: string;
  readonly port: "answers" | "fails" | "not-tried";
  readonly portDetail: string;
  /** Why an authority could not connect; null: it could. */
  readonly fault: FaultRecord | null;
}

/**
 * `waiting`: its first certificate was requested. `failing`: the request failed and is retried. `expiring`: it expires
 * soon and is not renewed automatically. `plain`: it is served without TLS.
 */
export type DomainState = "served" | "expiring" | "expired" | "waiting" | "failing" | "plain";

/** A host of a route, or one with a certificate, with its state. */
export interface Domain {
  readonly host: string;
  readonly state: DomainState;
  /** The route that serves it now. */
  readonly route: { readonly key: EnvKey; readonly service: string } | null;
  /** The certificate that the edge serves for the host. */
  readonly certificate: HeldCertificate | null;
  /** When that is replaced by itself; null: it is not. */
  readonly renewAt: number | null;
  /** Who signs it, unless a person supplied it. */
  readonly signer: "acme" | "local" | "none";
  readonly fault: FaultRecord | null;
  /** When it is requested again after that; null: it is not. */
  readonly nextAt: number | null;
}

/** Whether a certificate serves a host: by its name, or by the wildcard one level up. */
export function covers({ hosts }: Pick<HeldCertificate, "hosts">, host: string): boolean {
  return hosts.includes(host) || hosts.includes(wildcardAbove(host));
}

/** `*.example.com` of `a.example.com`. */
function wildcardAbove(host: string): string {
  const dot = host.indexOf(".");
  return dot === -1 ? "*" : `*${host.slice(dot)}`;
}

/** Whether a name always resolves to this machine (RFC 6761 6.3). */
export function isLocal(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

/** Top-level names that no public authority signs (RFC 2606, 6762, 8375, ICANN's .internal). */
const reserved = new Set([
  "test",
  "example",
  "invalid",
  "local",
  "localhost",
  "internal",
  "lan",
  "home",
  "onion",
  "arpa",
]);

/** Whether a public authority could sign it by HTTP-01: a name with a dot and a letter at its end, and no wildcard. */
export function isPublicName(host: string): boolean {
  const top = host.split(".").at(-1) ?? "";
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]*$/.test(host) && !reserved.has(top);
}
