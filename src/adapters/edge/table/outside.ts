import { randomUUID } from "node:crypto";
import { connect, isIPv6, type Socket } from "node:net";
import { isErrno } from "../../../base/faults.ts";
import { askMs } from "../../../model/pulse.ts";
import type { FrontProxies } from "../../../model/route.ts";
import { trusting } from "./inside.ts";

export interface OutsideOptions {
  readonly host: string;
  readonly port: number;
  readonly proxies: FrontProxies;
}

/** `late`: this process could not ask, which says nothing of the edge. */
export type Outside = "answer" | "nothing" | "refused" | "late";

/** A host that cannot exist (RFC 6761): it probes the edge and no route. */
const ownHost = "edge.invalid";
/** An answer with all its headers; the edge's own has a few hundred bytes. */
const answerBytes = 8 * 1024;

/**
 * Asks the edge what a client could ask, on a new connection to the address where it takes traffic. Only an answer that repeats the
 * question's id is one, or the refusal of an edge that has no room. Takes 3 s at most.
 */
export function askOutside({ host, port, proxies }: OutsideOptions): Promise<Outside> {
  const id = randomUUID();
  const isAnnounced = trusting(proxies.trust);
  return new Promise((resolve) => {
    const socket = connect({ host: reachable(host), port });
    const end = (outside: Outside) => {
      clearTimeout(limit);
      socket.destroy();
      resolve(outside);
    };
    // What came while this process was busy elsewhere is read before the verdict.
    const limit = setTimeout(() => setImmediate(() => end("nothing")), askMs);
    let text = "";
    socket.setEncoding("latin1");
    socket.once("connect", () => {
      const { localAddress = "" } = socket;
      const header = proxies.proxyProtocol && isAnnounced(localAddress) ? proxyLine(socket) : "";
      socket.write(`${header}GET / HTTP/1.1\r\nHost: ${ownHost}\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n`);
    });
    socket.on("data", (chunk: string) => {
      text += chunk;
      const isFull = text.startsWith("HTTP/1.1 503 ") && text.includes("\r\n\r\n");
      if (isFull || (text.startsWith("HTTP/1.1 ") && text.includes(id))) end("answer");
      else if (text.length > answerBytes) end("nothing");
    });
    socket.once("error", (error) => end(meaningOf(error)));
    socket.once("close", () => end("nothing"));
  });
}

function meaningOf(error: Error): Outside {
  if (isErrno(error, "ECONNREFUSED", "EADDRNOTAVAIL", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND")) return "refused";
  return isErrno(error, "EMFILE", "ENFILE", "ENOMEM", "ENOBUFS") ? "late" : "nothing";
}

function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

/** What a proxy of this machine that is trusted to speak the PROXY protocol must say first (its specification, version 1). */
function proxyLine({ localAddress = "" }: Socket): string {
  return `PROXY TCP${isIPv6(localAddress) ? 6 : 4} ${localAddress} ${localAddress} 1 1\r\n`;
}
