import type { IncomingMessage } from "node:http";
import { BlockList, isIP, type Socket } from "node:net";
import { Fault } from "../../../base/faults.ts";
import { parseNetwork } from "../../../base/network.ts";
import type { FrontProxies } from "../../../model/route.ts";
import { isForwarding } from "../table/forwarding.ts";
import { clientAddress, connectionAddress, protocolOf } from "./headers.ts";

/** Where a request came from, as proxies in front of the edge tell it. */
export interface ClientOrigin {
  readonly address: string;
  readonly proto: "http" | "https";
  /** What a trusted proxy said in `X-Forwarded-For`, to be continued; null when there is nothing to continue. */
  readonly chain: string | null;
  /** The port that the client asked, where a PROXY protocol header says it. */
  readonly port: number | null;
  /** A trusted proxy spoke for somebody else, in words that can be used or not. */
  readonly beyond: boolean;
}

/** What a PROXY protocol header says; null where it says nothing of a client. */
export interface Announced {
  readonly address: string | null;
  readonly port: number | null;
}

/** The proxies in front of the edge that are believed. */
export class Proxies {
  readonly proxyProtocol: boolean;
  readonly #trusted = new BlockList();
  /** Clients of open connections, from PROXY protocol headers. */
  readonly #announced = new Map<string, Announced>();

  constructor({ trust, proxyProtocol }: FrontProxies) {
    this.proxyProtocol = proxyProtocol;
    for (const { address, bits, family } of trust.map(networkOf)) this.#trusted.addSubnet(address, bits, family);
  }

  trusts(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#trusted.check(address, version === 4 ? "ipv4" : "ipv6");
  }

  /** A header at the start of this connection named its client. */
  announce(socket: Socket, announced: Announced): void {
    const key = connectionKey(socket);
    this.#announced.set(key, announced);
    socket.once("close", () => this.#announced.delete(key));
  }

  originOf(req: IncomingMessage): ClientOrigin {
    const announced = this.#announced.get(connectionKey(req.socket));
    const peer = announced?.address ?? clientAddress(req);
    const port = announced?.port ?? null;
    const proto = protocolOf(req);
    if (!this.trusts(peer)) return { address: peer, proto, chain: null, port, beyond: announced !== undefined };
    const given = String(req.headers["x-forwarded-for"] ?? "");
    const chain = /[^\s,]/.test(given) ? given : null;
    const told = lastOf(req.headers["x-forwarded-proto"]);
    return {
      address: this.#clientIn(chain ?? "", peer),
      proto: told === "https" || told === "http" ? told : proto,
      chain: chain === null ? null : `${chain}, ${peer}`,
      port,
      beyond:
        announced !== undefined ||
        req.rawHeaders.some((text, index) => index % 2 === 0 && isForwarding(text.toLowerCase())),
    };
  }

  /**
   * The client in a list of addresses that each proxy added its peer to: from the right the first that no proxy of ours
   * has. What stands left of it, its client may have made up. Empty entries mean nothing (RFC 9110 5.6.1).
   */
  #clientIn(chain: string, peer: string): string {
    let client = peer;
    for (const entry of chain.split(",").reverse()) {
      if (entry.trim() === "") continue;
      const address = addressIn(entry.trim());
      if (address === null) return client;
      client = address;
      if (!this.trusts(address)) return client;
    }
    return client;
  }
}

/** Faults: `usage.invalid`. */
function networkOf(text: string) {
  const network = parseNetwork(text);
  if (network === null) throw new Fault("usage.invalid", `${text.slice(0, 100)} is not an address or network.`);
  return network;
}

/** An address of the list without the port that some proxies write behind it. */
function addressIn(entry: string): string | null {
  const bare = /^\[([0-9a-f:.]+)\](?::\d+)?$/i.exec(entry)?.[1] ?? entry.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
  // With a zone (`fe80::1%eth0`) it is an address of another machine's own.
  return isIP(bare) === 0 || bare.includes("%") ? null : connectionAddress(bare);
}

/** The last one: what the proxy before us said. */
function lastOf(header: string | string[] | undefined): string | undefined {
  return String(header ?? "")
    .split(",")
    .at(-1)
    ?.trim()
    .toLowerCase();
}

/** Both ends of a connection, which no other open one has; the same for TLS spoken on it. */
function connectionKey({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
