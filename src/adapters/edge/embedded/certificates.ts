import type { SecureContext } from "node:tls";
import { checkCertificates, type GoodCertificate } from "../table/certificates.ts";
import { hostName, wildcardOf } from "../table/hosts.ts";
import type { SecureDoor } from "./redirects.ts";

/** The certificates that serve now, by host. A change is one assignment: a handshake sees the old ones or the new ones. */
export class LiveCertificates {
  #served: readonly GoodCertificate[] = [];
  #hosts: ReadonlyMap<string, SecureContext> = new Map();

  get count(): number {
    return this.#served.length;
  }

  /** For a name as a client wrote it into its handshake. */
  find(name: string): SecureContext | null {
    const host = hostName(name);
    if (host === null) return null;
    return this.#hosts.get(host) ?? this.#hosts.get(wildcardOf(host)) ?? null;
  }

  /** What plain requests may be sent to instead, at this port. */
  door(port: number): SecureDoor {
    return { port, has: (host) => this.#hosts.has(host) || this.#hosts.has(wildcardOf(host)) };
  }

  /** What is in a JSON value, ready to be served; what is served already is not made ready again. Fault `certificate.invalid`. */
  check(value: unknown): readonly GoodCertificate[] {
    return checkCertificates(value, this.#served);
  }

  /** Serves these, from the next handshake on. */
  apply(good: readonly GoodCertificate[]): void {
    this.#hosts = new Map(good.flatMap(({ certificate, context }) => certificate.hosts.map((host) => [host, context])));
    this.#served = good;
  }
}
