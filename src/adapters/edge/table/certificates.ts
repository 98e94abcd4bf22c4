import { createSecureContext, type SecureContext } from "node:tls";
import { type Diagnostic, Fault, isMistake } from "../../../base/faults.ts";
import { Secret } from "../../../base/secret.ts";
import { readPair } from "../../../host/pem.ts";
import type { EdgeCertificate } from "../../../ports/edge.ts";
import { hostPattern } from "./hosts.ts";

const mostCertificates = 10_000;
const mostHosts = 100;
/** A chain of ten certificates with large RSA keys. */
const pemChars = 32 * 1024;

/** A certificate that was checked and can be served. */
export interface GoodCertificate {
  /** With its hosts in their one spelling. */
  readonly certificate: EdgeCertificate;
  readonly context: SecureContext;
}

/** Certificates as they travel and lie on disk: the one place where their keys are text. */
export interface WireCertificate {
  readonly hosts: readonly string[];
  readonly chain: string;
  readonly key: string;
}

export function toWire({ hosts, chain, key }: EdgeCertificate): WireCertificate {
  return { hosts, chain, key: key.reveal() };
}

/**
 * The certificates in a JSON value of `WireCertificate`s. Fault `certificate.invalid` names everything that is wrong
 * with it, and never holds a part of a key. Those `known` to be good are not checked again.
 */
export function checkCertificates(value: unknown, known: readonly GoodCertificate[] = []): readonly GoodCertificate[] {
  const diagnostics: Diagnostic[] = [];
  if (!Array.isArray(value) || value.length > mostCertificates) {
    throw invalid([{ path: "certificates", message: `must be a list of at most ${mostCertificates}` }]);
  }
  const contexts = new Map(known.map((one) => [identity(one.certificate), one.context]));
  const named = new Set<string>();
  const good: GoodCertificate[] = [];
  for (const [index, one] of value.entries()) {
    const report = (message: string) => diagnostics.push({ path: `certificates[${index}]`, message });
    const certificate = readCertificate(one, report);
    if (certificate === null) continue;
    for (const host of certificate.hosts) {
      if (named.has(host)) report(`names ${host} a second time`);
      named.add(host);
    }
    const context = contexts.get(identity(certificate)) ?? contextOf(certificate, report);
    if (context !== null) good.push({ certificate, context });
  }
  if (diagnostics.length > 0) throw invalid(diagnostics);
  return good;
}

function readCertificate(value: unknown, report: (message: string) => void): EdgeCertificate | null {
  const { hosts, chain, key } = (typeof value === "object" && value !== null ? value : {}) as Partial<WireCertificate>;
  const listed = Array.isArray(hosts) && hosts.length > 0 && hosts.length <= mostHosts;
  const spelled = listed ? hosts.map((host) => (typeof host === "string" ? hostPattern(host) : null)) : [];
  if (!listed) report(`must name 1 to ${mostHosts} hosts`);
  if (spelled.includes(null)) report("names something that is not a host");
  const isText = (pem: unknown): pem is string => typeof pem === "string" && pem.length <= pemChars;
  if (!isText(chain)) report(`must have a chain of at most ${pemChars} characters`);
  if (!isText(key)) report(`must have a key of at most ${pemChars} characters`);
  if (spelled.length === 0 || spelled.includes(null) || !isText(chain) || !isText(key)) return null;
  return { hosts: spelled as string[], chain, key: new Secret(key) };
}

/** What OpenSSL makes of it, or null with a diagnostic. */
function contextOf(certificate: EdgeCertificate, report: (message: string) => void): SecureContext | null {
  const { hosts, chain, key } = certificate;
  const leaf = readPair(certificate);
  const context = typeof leaf === "string" ? leaf : secureContext(chain, key.reveal());
  if (typeof context !== "string") return context;
  report(`cannot serve ${hosts[0]}: ${context}`);
  return null;
}

function secureContext(cert: string, key: string): SecureContext | string {
  try {
    return createSecureContext({ cert, key, minVersion: "TLSv1.2" });
  } catch (thrown) {
    if (isMistake(thrown)) throw thrown;
    // OpenSSL's own words may quote what it was given.
    return "its chain and key cannot be used for TLS";
  }
}

function identity({ chain, key }: EdgeCertificate): string {
  return `${chain}\n${key.reveal()}`;
}

function invalid(diagnostics: readonly Diagnostic[]): Fault {
  const shown = diagnostics.slice(0, 20);
  const words = shown.map(({ path, message }) => `${path} ${message}`).join("; ");
  return new Fault("certificate.invalid", `Nothing was changed: ${words}.`, { diagnostics: shown });
}
