import type { Maintenance } from "../../../model/environment.ts";
import { maintenancePage, plainText, problemText, retryAfterS } from "../table/own-pages.ts";
import { corsChange } from "./cors.ts";
import { responseHeaders } from "./headers.ts";
import type { RequestContext } from "./request-context.ts";

/** An answer that the edge gives without the app. */
export interface OwnAnswer {
  readonly status: number;
  readonly retryAfterS?: number | undefined;
  /** More headers, name and value in turn. */
  readonly headers?: readonly string[];
  /** Closed for maintenance, with these words. */
  readonly maintenance?: Maintenance;
}

/** An answer as it goes to the client. */
export interface EdgePage {
  readonly status: number;
  readonly body: string;
  /** Name and value in turn. */
  readonly headers: readonly (string | string[])[];
}

/** What a client with no route, or with a request of two meanings, gets: a few plain words. */
export function plainPage(status: number): EdgePage {
  return { status, ...withType("text/plain", plainText(status)) };
}

/** The edge's own answer to a visit: HTML to browsers where the route has a page for it, else plain text or problem+json. */
export function pageFor(context: RequestContext, answer: OwnAnswer): EdgePage {
  const { status, retryAfterS: waitS } = answer;
  const { route } = context;
  const { body, headers } = status === 204 ? { body: "", headers: [] } : contentFor(context, answer);
  const own = [...headers, ...(answer.headers ?? [])];
  if (waitS !== undefined) own.push("retry-after", String(waitS));
  const cors = route?.spec.cors ? corsChange(route.spec.cors, context.req.headers.origin, {}) : null;
  const more = responseHeaders({}, { requestId: context.requestId, added: context.protection(), change: cors });
  return { status, body, headers: [...own, ...more] };
}

/** What is said while a route is closed. */
export function maintenanceAnswer(maintenance: Maintenance): OwnAnswer {
  return { status: 503, retryAfterS: retryAfterS.maintenance, maintenance };
}

interface Content {
  readonly body: string;
  readonly headers: readonly string[];
}

function contentFor({ req, route }: RequestContext, { status, maintenance }: OwnAnswer): Content {
  const accept = req.headers.accept ?? "";
  const html = maintenance
    ? (maintenance.page ?? maintenancePage(maintenance.message))
    : route?.spec.pages[String(status)];
  if (html !== undefined && /\btext\/html\b/i.test(accept)) return withType("text/html", html);
  const said = maintenance?.message;
  if (/\bjson\b/i.test(accept)) return withType("application/problem+json", problemText(status, said));
  return withType("text/plain", plainText(status, said));
}

function withType(type: string, body: string): Content {
  const headers = ["content-type", type.startsWith("text/") ? `${type}; charset=utf-8` : type];
  headers.push("content-length", String(Buffer.byteLength(body)), "cache-control", "no-store");
  return { body, headers };
}
