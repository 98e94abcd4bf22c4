import type { IncomingMessage } from "node:http";
import { hostName } from "../table/hosts.ts";
import { filePathPattern } from "../table/secrets.ts";
import { corsChange } from "./cors.ts";
import {
  type Added,
  type AnswerHeaders,
  clientAddress,
  type HeaderChange,
  protocolOf,
  requestIdOf,
  responseHeaders,
} from "./headers.ts";
import type { LiveRoute, LiveUpstream } from "./live.ts";
import type { Proxies } from "./proxies.ts";
import type { Records } from "./records.ts";
import type { RequestTarget } from "./request-checks.ts";

const filePath = new RegExp(filePathPattern, "i");

/** nginx's own number for a client that went away before its answer. */
export const clientGone = 499;

/** One request: client, target, upstream, and its access record. */
export class RequestContext {
  readonly req: IncomingMessage;
  readonly target: RequestTarget;
  readonly requestId: string;
  readonly address: string;
  /** How the client came. */
  readonly proto: "http" | "https";
  readonly chain: string | null;
  readonly port: number | null;
  /** It came through a proxy that forwards for another client, which is never internal. */
  readonly beyond: boolean;
  /** The length of its answer must not tell what is in it: no compression, by the edge or by the app. */
  readonly isSecret: boolean;
  /** Upstreams that took no connection for this request. */
  readonly tried = new Set<LiveUpstream>();
  route: LiveRoute | null = null;
  upstream: LiveUpstream | null = null;
  /** When it started to wait at a held route. */
  heldAt: number | null = null;
  readonly #at = Date.now();
  readonly #started = performance.now();
  #sent = 0;
  #under = false;
  #over = false;

  /** `proxies` null: no proxy in front is believed. */
  constructor(req: IncomingMessage, target: RequestTarget, proxies: Proxies | null) {
    this.req = req;
    this.target = target;
    this.requestId = requestIdOf(req);
    const origin = proxies?.originOf(req) ?? null;
    this.address = origin?.address ?? clientAddress(req);
    this.proto = origin?.proto ?? protocolOf(req);
    this.chain = origin?.chain ?? null;
    this.port = origin?.port ?? null;
    const { cookie, authorization } = req.headers;
    const isPersonal = this.proto === "https" && (cookie !== undefined || authorization !== undefined);
    this.isSecret = isPersonal && !filePath.test(pathOnly(target.path));
    this.beyond = origin?.beyond === true;
  }

  /** What its route adds to answers. */
  protection(): Added | null {
    return this.route?.protections?.[this.proto] ?? null;
  }

  /** The headers of the app's answer as its client gets them. `change`: what else is done to them. */
  answerHeaders(headers: AnswerHeaders, change: HeaderChange | null): (string | string[])[] {
    const cors = this.route?.spec.cors ?? null;
    const options = { requestId: this.requestId, added: this.protection(), change };
    if (cors === null) return responseHeaders(headers, options);
    const { vary } = { vary: headers["vary"], ...change };
    const both = { ...change, ...corsChange(cors, this.req.headers.origin, { vary: vary ?? undefined }) };
    return responseHeaders(headers, { ...options, change: both });
  }

  /** This upstream answers it from here on. */
  begin(upstream: LiveUpstream): void {
    this.upstream = upstream;
    this.#sent = performance.now();
    this.#under = true;
    upstream.tally.begin();
  }

  /** The first byte of the answer came. */
  answered(): void {
    this.upstream?.tally.answered(performance.now() - this.#sent);
  }

  /** The upstream is done with it, well or not. */
  leave(failed: boolean): void {
    if (!this.#under) return;
    this.#under = false;
    this.upstream?.tally.end(failed);
  }

  /** Ends it, once, with the status that the client got. */
  finish(status: number, records: Records): void {
    if (this.#over) return;
    this.#over = true;
    this.leave(status >= 500);
    if (this.route === null) return;
    records.add({
      at: this.#at,
      owner: this.route.owner,
      service: this.route.spec.service,
      release: this.upstream?.spec.release ?? null,
      instance: this.upstream?.spec.id ?? null,
      requestId: this.requestId,
      client: this.address,
      method: this.req.method ?? "",
      host: hostName(this.target.host) ?? "",
      path: pathOnly(this.target.path),
      status,
      durationMs: Math.round((performance.now() - this.#started) * 100) / 100,
    });
  }
}

/** Without the query, as that is where people put tokens. */
function pathOnly(path: string): string {
  const query = path.indexOf("?");
  return (query === -1 ? path : path.slice(0, query)).slice(0, 2_048);
}
