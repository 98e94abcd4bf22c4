import { STATUS_CODES } from "node:http";
import type { Maintenance } from "../../../model/environment.ts";
import { maintenanceRetryS } from "../../../model/route.ts";
import { corsChange } from "./cors.ts";
import { responseHeaders } from "./headers.ts";
import type { RequestContext } from "./request-context.ts";

/** Answers of the edge itself. They name no app, no host and no address. */
const words: Readonly<Record<number, string>> = {
  308: "This page is at another address.",
  400: "This request is invalid.",
  403: "This origin is not allowed to call this site.",
  404: "There is no site here.",
  408: "The request took too long to arrive.",
  413: "The request is too large for this site.",
  429: "Too many requests. Try again later.",
  502: "The site did not answer. Try again.",
  503: "The site is not available at the moment. Try again.",
  504: "The site took too long to answer.",
};

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
  return { status, ...withType("text/plain", plainText(status, words[status] ?? "")) };
}

/** The edge's own answer to a visit: HTML to browsers where the route has a page for it, else plain text or problem+json. */
export function pageFor(context: RequestContext, answer: OwnAnswer): EdgePage {
  const { status, retryAfterS } = answer;
  const { route } = context;
  const { body, headers } = status === 204 ? { body: "", headers: [] } : contentFor(context, answer);
  const own = [...headers, ...(answer.headers ?? [])];
  if (retryAfterS !== undefined) own.push("retry-after", String(retryAfterS));
  const cors = route?.spec.cors ? corsChange(route.spec.cors, context.req.headers.origin, {}) : null;
  const more = responseHeaders({}, { requestId: context.requestId, added: context.protection(), change: cors });
  return { status, body, headers: [...own, ...more] };
}

/** What is said while a route is closed. */
export function maintenanceAnswer(maintenance: Maintenance): OwnAnswer {
  return { status: 503, retryAfterS: maintenanceRetryS, maintenance };
}

interface Content {
  readonly body: string;
  readonly headers: readonly string[];
}

function contentFor({ req, route }: RequestContext, { status, maintenance }: OwnAnswer): Content {
  const accept = req.headers.accept ?? "";
  const html = maintenance ? maintenancePage(maintenance) : route?.spec.pages[String(status)];
  if (html !== undefined && /\btext\/html\b/i.test(accept)) return withType("text/html", html);
  const said = maintenance?.message ?? words[status] ?? "";
  if (!/\bjson\b/i.test(accept)) return withType("text/plain", plainText(status, said));
  const title = STATUS_CODES[status] ?? "";
  return withType("application/problem+json", JSON.stringify({ type: "about:blank", title, status, detail: said }));
}

function plainText(status: number, said: string): string {
  return `${status} ${STATUS_CODES[status] ?? ""}\n${said}\n`;
}

function withType(type: string, body: string): Content {
  const headers = ["content-type", type.startsWith("text/") ? `${type}; charset=utf-8` : type];
  headers.push("content-length", String(Buffer.byteLength(body)), "cache-control", "no-store");
  return { body, headers };
}

function maintenancePage({ message, page }: Maintenance): string {
  if (page !== null) return page;
  const escaped = message.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const style = "font-family:system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;text-align:center";
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Maintenance</title>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body style="${style}"><p>${escaped}</p></body></html>\n`;
}
