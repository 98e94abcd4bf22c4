import type { ClientRequest } from "node:http";
import { Fault, isErrno } from "../base/faults.ts";
import type { HttpAnswer, HttpRequest, Transport } from "./transport.ts";

/**
 * Not imported: an import of node:http reads all its exports, WebSocket among them, and that loads Node's whole fetch
 * (55 ms of CPU on Node 24, more than everything else that a command does).
 */
const http = process.getBuiltinModule("node:http");
const { Readable } = process.getBuiltinModule("node:stream");

/** Where a controller listens: its unix socket, or an http(s) URL with a bearer token. */
export type ControllerAddress =
  | { readonly socketPath: string }
  | { readonly url: string; readonly token: string | null };

export interface NodeTransportOptions {
  readonly address: ControllerAddress;
  /** Longest silence before an answer begins; default 60 s, for a plan or a status under load takes its time. */
  readonly timeoutMs?: number;
  /** Cuts every request short; what was thrown as its reason is thrown on. */
  readonly signal?: AbortSignal;
}

/**
 * Over a Unix socket or TCP, in Node. Every request has a connection of its own: an idle one that the other end closes
 * just now would make a request fail that cannot always be repeated. Errors leave it as `Fault`s only.
 */
export function nodeTransport({ address, timeoutMs = 60_000, signal: all }: NodeTransportOptions): Transport {
  const place = "socketPath" in address ? address.socketPath : address.url;
  const exchange = (call: HttpRequest) =>
    new Promise<HttpAnswer>((resolve, reject) => {
      const signal = AbortSignal.any([all, call.signal].filter((one) => one !== undefined));
      const request = open(address, call, signal);
      const sent = typeof call.body === "object" ? Readable.from(call.body) : null;
      request.on("error", (error) => {
        sent?.destroy();
        reject(signal.aborted ? signal.reason : connectionFault(place, error));
      });
      request.setTimeout(timeoutMs, () =>
        request.destroy(new Fault("controller.unreachable", `no answer from ${place} in time`)),
      );
      request.once("response", (body) => {
        request.setTimeout(0);
        body.once("error", () => undefined); // readers get it too; without a reader it must not end the process
        const header = (name: string) => [body.headers[name.toLowerCase()] ?? []].flat()[0] ?? null;
        resolve({ status: body.statusCode ?? 0, header, body });
      });
      if (sent === null) request.end(call.body);
      else sent.once("error", (error) => request.destroy(error)).pipe(request);
    });
  return { place, exchange };
}

function open(address: ControllerAddress, call: HttpRequest, signal: AbortSignal): ClientRequest {
  const headers: Record<string, string> = { accept: "application/json", ...call.headers };
  if (typeof call.body === "string") {
    headers["content-type"] = "application/json";
    headers["content-length"] = String(Buffer.byteLength(call.body));
  }
  if ("socketPath" in address) {
    const { socketPath } = address;
    return http.request({ socketPath, path: call.path, method: call.method, headers, signal, agent: false });
  }
  if (address.token !== null) headers.authorization = `Bearer ${address.token}`;
  const url = new URL(call.path, address.url);
  const protocol = url.protocol === "https:" ? process.getBuiltinModule("node:https") : http;
  return protocol.request(url, { method: call.method, headers, signal, agent: false });
}

/** What a connection that failed means. */
export function connectionFault(place: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (isErrno(error, "EACCES", "EPERM")) {
    const hint = "Ask as the user that runs the controller, or over --url with its token.";
    return new Fault("access.denied", `this user may not open ${place}`, { hint, cause: error });
  }
  const hint = "Start one with `fairlead up` or `fairlead controller`, or name a running one with --state or --url.";
  return new Fault("controller.unreachable", whyUnreachable(place, error), { cause: error, hint });
}

/** getaddrinfo(3), connect(2) and Node's codes for TLS, by what is wrong. */
function whyUnreachable(place: string, error: unknown): string {
  if (isErrno(error, "ENOTFOUND", "EAI_AGAIN")) return `no controller answers at ${place}: its host name is not known`;
  if (isErrno(error, "ENOENT", "ENOTDIR", "ECONNREFUSED", "ENOTSOCK", "EHOSTUNREACH", "ENETUNREACH"))
    return `no controller answers at ${place}`;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (/^(?:HPE_|ERR_SSL_|ERR_TLS_|EPROTO)/.test(code))
    return `what answers at ${place} is not a controller, or needs ${place.startsWith("https:") ? "http" : "https"}://`;
  if (/CERT|SELF_SIGNED|VERIFY/.test(code))
    return `the certificate of ${place} is not trusted (${code}): name its authority in NODE_EXTRA_CA_CERTS`;
  return `lost the connection to the controller at ${place}`;
}
