import { randomBytes } from "node:crypto";
import { Resolver } from "node:dns/promises";
import { request } from "node:http";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { Fault, isErrno, isMistake } from "../../../base/faults.ts";
import type { DomainFinding } from "../../../model/certificate.ts";
import type { DomainProber, Publish } from "../../../ports/certificates.ts";

export interface DomainProberOptions {
  /** Addresses that this machine has outside; empty: unknown, and its own are taken for a hint only. */
  readonly publicAddresses: readonly string[];
  /** `host:port` of a DNS server; null: the machine's own resolver. */
  readonly resolver: string | null;
  /** Where an authority asks; 80 unless a test authority says otherwise. */
  readonly port: number;
}

const resolveMs = 5_000;
const answerMs = 5_000;
/** Most addresses of a host that are tried. */
const mostAddresses = 4;

type Names = Pick<DomainFinding, "addresses" | "dns" | "dnsDetail">;

/** Resolves the name without /etc/hosts, as an authority does, and asks every address of it for a token of our own. */
export function domainProber(options: DomainProberOptions): DomainProber {
  const resolver = new Resolver({ timeout: resolveMs, tries: 2 });
  if (options.resolver !== null) resolver.setServers([options.resolver]);
  return {
    async look(host, publish) {
      const names = await lookUp(resolver, host, options);
      if (names.dns === "none" || names.dns === "elsewhere") {
        const fault = new Fault("domain.elsewhere", `${names.dnsDetail}.`).toRecord();
        return {
          ...names,
          port: "not-tried",
          portDetail: "not tried, because the name does not resolve to this machine",
          fault,
        };
      }
      const portDetail = await wrongAnswer({ host, addresses: names.addresses, port: options.port }, publish);
      if (portDetail === null) {
        const good = `port ${options.port} of ${host} reaches the edge`;
        return { ...names, port: "answers", portDetail: good, fault: null };
      }
      const fault = new Fault("domain.unreachable", `${portDetail}.`).toRecord();
      return { ...names, port: "fails", portDetail, fault };
    },
  };
}

async function lookUp(resolver: Resolver, host: string, { publicAddresses }: DomainProberOptions): Promise<Names> {
  const looked = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses = looked.flatMap((one) => (one.status === "fulfilled" ? one.value : [])).slice(0, mostAddresses);
  if (addresses.length === 0) {
    const codes = looked.map((one) => (one.status === "rejected" ? String(one.reason.code) : "")).join(", ");
    return { addresses, dns: "none", dnsDetail: `${host} has no A or AAAA record (${codes})` };
  }
  const list = addresses.join(", ");
  const ours = publicAddresses.length > 0 ? publicAddresses : ownAddresses();
  const strange = addresses.filter((address) => !ours.includes(address));
  if (strange.length === 0) return { addresses, dns: "here", dnsDetail: `${host} is ${list}, this machine` };
  if (publicAddresses.length > 0) {
    const detail = `${host} is ${list}, but this machine is ${publicAddresses.join(", ")}`;
    return { addresses, dns: "elsewhere", dnsDetail: detail };
  }
  return { addresses, dns: "unknown", dnsDetail: `${host} is ${list}; it is unknown whether that is this machine` };
}

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((some) => (some ?? []).map(({ address }) => address));
}

interface Door {
  readonly host: string;
  readonly addresses: readonly string[];
  readonly port: number;
}

/** What is wrong with the answers of the host's addresses to a token that only this edge knows; null when nothing is. */
async function wrongAnswer({ host, addresses, port }: Door, publish: Publish): Promise<string | null> {
  const token = randomBytes(24).toString("base64url");
  const answer = `${token}.preflight`;
  try {
    await publish([{ token, answer }]);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return `the edge does not accept challenges: ${thrown.detail}`;
  }
  try {
    const wrong = await Promise.all(addresses.map((address) => ask({ host, address, port, token, answer })));
    return wrong.find((one) => one !== null) ?? null;
  } finally {
    await publish([]);
  }
}

interface Question {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly token: string;
  readonly answer: string;
}

async function ask({ host, address, port, token, answer }: Question): Promise<string | null> {
  const at = `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
  try {
    const { status, text } = await get({ host, address, port, path: `/.well-known/acme-challenge/${token}` });
    if (status === 200 && text === answer) return null;
    return `${at} does not reach this edge: another server answers for ${host} with status ${status}`;
  } catch (thrown) {
    if (isMistake(thrown)) throw thrown;
    // A machine without IPv6 cannot check whether others can connect over it.
    if (isIP(address) === 6 && isErrno(thrown, "ENETUNREACH", "EADDRNOTAVAIL", "EHOSTUNREACH")) return null;
    return `${at} does not answer for ${host} (${thrown instanceof Error && "code" in thrown ? thrown.code : "cut"})`;
  }
}

function get(to: { host: string; address: string; port: number; path: string }) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const { host, address, port, path } = to;
    const signal = AbortSignal.timeout(answerMs);
    const outgoing = request({ host: address, port, path, headers: { host }, agent: false, signal }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.length > 1_000) answer.destroy();
      });
      answer.once("close", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    outgoing.once("error", reject);
    outgoing.end();
  });
}
