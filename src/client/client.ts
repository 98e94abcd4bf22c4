import type { z } from "zod";
import { Fault, isErrno } from "../base/faults.ts";
import { headers } from "../contract/headers.ts";
import { fillPath } from "../contract/paths.ts";
import type { AnswerOf, Frozen, MessageOf, ParamsOf, RouteContract } from "../contract/route.ts";
import type { RouteName, routes } from "../contract/routes.ts";
import { type StreamOptions, streamMessages, waitFor } from "./events.ts";
import { routeLines } from "./route-lines.ts";
import { bodyText, type HttpAnswer, type HttpRequest, parseAnswer, problemFault, type Transport } from "./transport.ts";

type Contract<Name extends RouteName> = (typeof routes)[Name];

/** What a route is asked with: the members of its path, its query and its body. */
export type RequestOf<Route extends RouteContract> = (keyof ParamsOf<Route> extends never
  ? unknown
  : { readonly params: ParamsOf<Route> }) &
  (Route extends { readonly query: infer Schema extends z.ZodType }
    ? { readonly query?: Frozen<z.input<Schema>> }
    : unknown) &
  (Route extends { readonly body: infer Schema extends z.ZodType }
    ? { readonly body: Frozen<z.input<Schema>> }
    : unknown) & {
    /** The ETag that it must still have. Fault with another one: `document.stale`. */
    readonly ifMatch?: string;
  };

type Asked<Name extends RouteName> =
  Record<never, never> extends RequestOf<Contract<Name>>
    ? [request?: RequestOf<Contract<Name>>]
    : [request: RequestOf<Contract<Name>>];

export interface ClientOptions {
  /** Asks whether to go on with a change that is guarded, and throws when not; omitted: it is refused. */
  readonly confirm?: (fault: Fault, name: string) => Promise<void>;
}

/**
 * Requests with an Idempotency-Key, so that a lost answer cannot make two of one, and how often each is sent again: 40 times
 * (ten seconds) until a controller that died is there again, which knows whether its predecessor had done it.
 */
const resends: { readonly [Name in RouteName]?: number } = {
  beginDeployment: 40,
  changeVariables: 40,
  createPreview: 40,
  beginTask: 1,
};
const resendMs = 250;

/**
 * The HTTP API of a controller, by the names of its routes. Every failure is a `Fault`: the code of the problem document, or
 * `controller.unreachable` when nobody answers. Answers are trusted to follow src/contract: both ends are one package.
 */
export class Client {
  readonly #transport: Transport;
  readonly #confirm: ClientOptions["confirm"];

  constructor(transport: Transport, { confirm }: ClientOptions = {}) {
    this.#transport = transport;
    this.#confirm = confirm;
  }

  /** Where it talks to, for messages. */
  get place(): string {
    return this.#transport.place;
  }

  /** Asks a route that answers with JSON, or with nothing. */
  async call<Name extends RouteName>(name: Name, ...asked: Asked<Name>): Promise<AnswerOf<Contract<Name>>> {
    return (await this.tagged(name, ...asked)).answer;
  }

  /** The same with the ETag of the answer, by which a change is refused when somebody else was faster; `""`: it has none. */
  async tagged<Name extends RouteName>(
    name: Name,
    ...asked: Asked<Name>
  ): Promise<{ readonly etag: string; readonly answer: AnswerOf<Contract<Name>> }> {
    const request = requestOf(name, ...asked);
    const patience = resends[name] ?? 0;
    const key = patience === 0 ? {} : { [headers.idempotencyKey]: newKey() };
    const keyed = { ...request, headers: { ...request.headers, ...key } };
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await this.#send(keyed);
        const text = await bodyText(answer);
        const json = answer.status === 204 ? undefined : parseAnswer(text);
        return { etag: answer.header("etag") ?? "", answer: json as AnswerOf<Contract<Name>> };
      } catch (error) {
        if (tries === patience || !isLost(error, tries > 0)) throw error;
      }
      if (tries > 0) await waitFor(resendMs);
    }
  }

  /** Asks a route that answers with bytes, and reads them as they come. */
  async bytes<Name extends RouteName>(name: Name, ...asked: Asked<Name>): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#send(requestOf(name, ...asked))).body;
  }

  /** Messages of a route, none twice and none omitted; a lost connection is reopened after the last one. */
  async *stream<Name extends RouteName>(
    name: Name,
    request: RequestOf<Contract<Name>>,
    options: StreamOptions = {},
  ): AsyncGenerator<MessageOf<Contract<Name>>> {
    const { path } = requestOf(name, request);
    for await (const { event, data } of streamMessages((one) => this.#send(one), path, options)) {
      yield { event, data: parseAnswer(data) } as MessageOf<Contract<Name>>;
    }
  }

  /** How a deployment goes, from now to its end. */
  async *progress(id: string, signal?: AbortSignal): AsyncGenerator<ProgressMessage> {
    let ended = false;
    const options = { signal, isComplete: () => ended };
    for await (const message of this.stream("deploymentProgress", { params: { id } }, options)) {
      if (message.event === "deployment") ended = message.data.deployment.phase === "ended";
      yield message;
    }
  }

  async hasSource(digest: string): Promise<boolean> {
    const answer = await this.#transport.exchange(requestOf("hasSource", { params: { digest } }));
    await bodyText(answer);
    if (answer.status === 404) return false;
    if (answer.status < 300) return true;
    // An answer to HEAD has no words: what is wrong with who asks, this tells.
    await this.call("info");
    throw problemFault(answer.status, "");
  }

  /** Uploads a source tree as a tar stream. Faults: `source.digest-mismatch`, `source.unsafe`, `request.too-large`. */
  async putSource(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    const request = requestOf("putSource", { params: { digest } });
    await bodyText(await this.#send({ ...request, headers: { "content-type": "application/x-tar" }, body: tar }));
  }

  /** Any request, for `fairlead api`: the body as text. Faults as everywhere. */
  async raw(call: { method: string; path: string; body?: string }): Promise<string> {
    return bodyText(await this.#send(call));
  }

  /** Returns when the headers have arrived. Throws on status 400 and above. Sends again after a confirmation. */
  async #send(request: HttpRequest): Promise<HttpAnswer> {
    const answer = await this.#transport.exchange(request);
    if (answer.status < 400) return answer;
    const fault = problemFault(answer.status, await bodyText(answer));
    const isAsked = request.headers?.[headers.confirm] !== undefined;
    if (fault.confirm === null || this.#confirm === undefined || isAsked) throw fault;
    await this.#confirm(fault, fault.confirm);
    return this.#send({ ...request, headers: { ...request.headers, [headers.confirm]: fault.confirm } });
  }
}

/** What a deployment's progress stream says: how it is now, or lines of the instance that failed. */
export type ProgressMessage = MessageOf<Contract<"deploymentProgress">>;

interface AnyRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly ifMatch?: string;
}

/** The request of a route; members of its path are escaped, so that a name can never become another path. */
function requestOf<Name extends RouteName>(name: Name, ...asked: Asked<Name>): HttpRequest {
  const { params = {}, query = {}, body, ifMatch }: AnyRequest = asked[0] ?? {};
  const [method = "", path = ""] = routeLines[name].split(" ");
  return {
    method,
    path: withQuery(fillPath(path, params), query),
    ...(ifMatch !== undefined && { headers: { [headers.ifMatch]: ifMatch } }),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
}

function withQuery(base: string, query: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams();
  for (const [name, member] of Object.entries(query)) {
    if (member === undefined) continue;
    for (const value of Array.isArray(member) ? member : [member]) search.append(name, String(value));
  }
  return search.size === 0 ? base : `${base}?${search}`;
}

/** 128 random bits; `crypto.randomUUID` is not there for pages that came over plain HTTP. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether an answer may have been lost; afterwards also whether nobody is there to give one, or it is not known yet. */
function isLost(error: unknown, isAgain: boolean): boolean {
  if (!(error instanceof Fault)) return false;
  if (error.code === "idempotency.in-flight") return isAgain;
  if (error.code !== "controller.unreachable") return false;
  // A `fetch` says no more than that it failed.
  if (error.cause instanceof TypeError) return true;
  return isErrno(error.cause, "ECONNRESET", "EPIPE", ...(isAgain ? ["ECONNREFUSED", "ENOENT"] : []));
}
