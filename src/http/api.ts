import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { Fault } from "../base/faults.ts";
import { newId } from "../base/ids.ts";
import { plainJson } from "../base/printable.ts";
import { headers, honoursKey } from "../contract/headers.ts";
import type { RouteContract } from "../contract/route.ts";
import { type RouteName, routes } from "../contract/routes.ts";
import type { Call } from "../usecases/access.ts";
import { type Answered, idempotently } from "../usecases/idempotency.ts";
import { authorise, refuseForeign } from "./access.ts";
import { decodeBody, decodeParams, decodeQuery, idempotencyKey } from "./decode.ts";
import type { AnyHandler, AnyRepeat, ApiDeps, Connection } from "./exchange.ts";
import { handlers, repeats } from "./handlers.ts";
import { problemOf, problemResponse } from "./problem.ts";

export type { ApiDeps, Connection, Log } from "./exchange.ts";

type Wire = { Bindings: Connection; Variables: { requestId: string } };

/**
 * The HTTP API. The server tells with `app.fetch(request, { via: "socket" })` that a request came over the controller's
 * own socket; everything else is taken for TCP and needs the token.
 */
export function createApi(deps: ApiDeps): Hono<Wire> {
  const api = new Hono<Wire>();
  api.use(async (c, next) => {
    c.set("requestId", requestIdOf(c.req.raw, deps));
    const begun = deps.clock.now();
    await next();
    c.res.headers.set(headers.requestId, c.var.requestId);
    const { method, path } = c.req;
    const ms = deps.clock.now() - begun;
    writeDown(deps, { requestId: c.var.requestId, method, path, status: c.res.status, ms });
  });
  for (const [name, route] of Object.entries(routes)) {
    const handler = handlers[name as RouteName] as AnyHandler;
    const repeat = repeats[name as RouteName] as AnyRepeat | undefined;
    const answer = (c: Context<Wire>) => handle({ c, deps, route, handler, repeat });
    // Hono answers HEAD by the GET of the same path.
    api.on(route.method === "head" ? "GET" : route.method.toUpperCase(), honoPath(route.path), answer);
  }
  api.notFound((c) => failed(c, deps, nothingThere(c.req.method, c.req.path)));
  api.onError((thrown, c) => failed(c, deps, thrown));
  return api;
}

interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

/** A change is worth a line; of reads there are too many, and what failed inside has been told already, with its cause. */
function writeDown({ log }: ApiDeps, request: RequestLine): void {
  if (request.status >= 500) return;
  if (request.method === "GET" || request.method === "HEAD") log.debug?.(request, "request");
  else log.info(request, "request");
}

function requestIdOf(request: Request, { clock }: ApiDeps): string {
  const given = request.headers.get(headers.requestId);
  return given !== null && /^[\w-]{1,64}$/.test(given) ? given : newId("req", clock.now());
}

function honoPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}

interface Handling {
  readonly c: Context<Wire>;
  readonly deps: ApiDeps;
  readonly route: RouteContract;
  readonly handler: AnyHandler;
  readonly repeat: AnyRepeat | undefined;
}

async function handle({ c, deps, route, handler, repeat }: Handling): Promise<Response> {
  const request = c.req.raw;
  if (route.method === "head" && request.method !== "HEAD") throw nothingThere(request.method, c.req.path);
  const call = await callOf(request, { connection: c.env ?? {}, deps }, route);
  // What is promised by an answer must still be recorded tomorrow.
  if (changes(route)) deps.intact();
  const params = decodeParams(route.path, c.req.param());
  const query = route.query && decodeQuery(route.query, request.url);
  const body = route.body && (await decodeBody(route.body, request));
  const exchange = { deps, call, params, query, body, request, upgrade: c.env?.upgrade };
  if (call === null || call.claim === null) return respond(await handler(exchange), route);
  const asked = { actor: call.actor.name, method: route.method, path: c.req.path, body: body ?? null };
  const answered = await idempotently(
    call,
    { key: call.claim, request: asked },
    {
      run: async () => answeredBy(await handler(exchange), route),
      again: async (outcome) => {
        if (!repeat) throw new Fault("operation.failed", "the request was done, but its answer is not known");
        return answeredBy(await repeat(exchange, outcome), route);
      },
    },
  );
  return responseOf(answered);
}

function changes({ method, socket }: RouteContract): boolean {
  return socket !== undefined || (method !== "get" && method !== "head");
}

/** The request as use cases see it; null where everybody may ask. Faults: those of `refuseForeign` and `authorise`. */
async function callOf(
  request: Request,
  { connection, deps }: { readonly connection: Connection; readonly deps: ApiDeps },
  route: RouteContract,
): Promise<Call | null> {
  refuseForeign(request, connection, { hosts: deps.hosts ?? [], changes: changes(route) });
  if (route.action === null) return null;
  return {
    deps,
    actor: await authorise(request, { connection, deps }, route.action),
    confirm: request.headers.get(headers.confirm),
    claim: honoursKey(route) ? idempotencyKey(request) : null,
  };
}

type Replied = Awaited<ReturnType<AnyHandler>>;

function respond(reply: Replied, route: RouteContract): Response {
  if (reply === null) return new Response(null, { status: route.status });
  if (reply instanceof Response) return reply;
  const { json, revision = null } = reply;
  return responseOf({ status: route.status, body: plainJson(json), revision });
}

function responseOf({ status, body, revision }: Answered): Response {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return new Response(body, { status, headers: revision === null ? headers : { ...headers, etag: `"${revision}"` } });
}

async function answeredBy(reply: Replied, route: RouteContract): Promise<Answered> {
  const response = respond(reply, route);
  const revision = reply instanceof Response ? null : (reply?.revision ?? null);
  return { status: response.status, body: await response.text(), revision };
}

/** Whether a path is unknown or only its method. */
function nothingThere(method: string, path: string): Fault {
  const methods = Object.values(routes)
    .filter((route) => pattern(route.path).test(path))
    .map((route) => route.method.toUpperCase());
  if (methods.length === 0) return new Fault("path.unknown", "there is nothing at this path");
  return new Fault("method.wrong", `${method} is not a method of this path; use ${[...new Set(methods)].join(", ")}`);
}

function pattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/\./g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`);
}

function failed(c: Context<Wire>, deps: ApiDeps, thrown: unknown): Response {
  const fault =
    thrown instanceof HTTPException && thrown.status < 500
      ? new Fault("request.invalid", "the request is malformed")
      : thrown;
  const problem = problemOf(fault, { path: c.req.path, requestId: c.var.requestId });
  const { requestId, status } = problem;
  const { method, path } = c.req;
  if (status >= 500) deps.log.error({ requestId, method, path, status, err: thrown }, "a request failed");
  const response = problemResponse(problem);
  response.headers.set(headers.requestId, problem.requestId);
  return response;
}
