import type { FaultRecord } from "../base/faults.ts";
import type { EnvKey } from "./environment.ts";

/** Where a certificate came from: an ACME authority, a person, or the authority of this machine. */
export type CertificateSource = "acme" | "own" | "self-signed";

/** A certificate in the vault, without its key. */
export interface HeldCertificate {
  /** Names its file; the same for every certificate of this source for these hosts. */
  readonly id: string;
  readonly source: CertificateSource;
  /** What it is served for: names, or `*.` and a name. */
  readonly hosts: readonly string[];
  readonly issuer: string;
  readonly serial: string;
  readonly from: number;
  readonly until: number;
}

/** How asking for a host has gone since it last went well. */
export interface HostRecord {
  readonly host: string;
  /** 0 with a `lastAt`: begun, and the controller ended before it was known how it went. */
  readonly failures: number;
  readonly lastAt: number;
  readonly fault: FaultRecord | null;
  /** When the staging authority gave a certificate for it. */
  readonly rehearsedAt: number | null;
}

/** What was found about the name and the port of a host. */
export interface DomainFinding {
  readonly addresses: readonly string[];
  /** `unknown`: it has addresses, and nobody has told which ones this machine has outside. */
  readonly dns: "here" | "elsewhere" | "none" | "unknown";
  readonly dnsDetail: string;
  readonly port: "answers" | "fails" | "not-tried";
  readonly portDetail: string;
  /** Why an authority would not get through; null: it would. */
  readonly fault: FaultRecord | null;
}

/**
 * `waiting`: its first certificate is on its way. `failing`: asking for it failed, and is done again. `expiring`: it ends
 * soon and not renewed automatically. `plain`: it is served without TLS.
 */
export type DomainState = "served" | "expiring" | "expired" | "waiting" | "failing" | "plain";

/** A host of a route, or one with a certificate, and how it stands. */
export interface Domain {
  readonly host: string;
  readonly state: DomainState;
  /** The route that serves it now. */
  readonly route: { readonly key: EnvKey; readonly service: string } | null;
  /** What the edge proves the host with. */
  readonly certificate: HeldCertificate | null;
  /** When that is exchanged by itself; null: it is not. */
  readonly renewAt: number | null;
  /** Who signs it, beside what a person gave. */
  readonly signer: "acme" | "local" | "none";
  readonly fault: FaultRecord | null;
  /** When it is asked for again after that; null: it is not. */
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

/** Whether a name means this machine wherever it is looked up (RFC 6761 6.3). */
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
