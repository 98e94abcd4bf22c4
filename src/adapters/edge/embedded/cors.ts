import type { IncomingMessage } from "node:http";
import type { CorsPolicy } from "../../../model/release.ts";
import { answerCors, preflightCors } from "../table/forwarding.ts";
import { type AnswerHeaders, type HeaderChange, withVary } from "./headers.ts";

const ofTheApp: HeaderChange = Object.fromEntries([...answerCors, ...preflightCors].map((name) => [name, null]));

/** Whether a browser asks what it may do (Fetch standard, CORS-preflight request). Any other OPTIONS is the app's. */
export function isPreflight(req: IncomingMessage): boolean {
  const { origin, "access-control-request-method": method } = req.headers;
  return req.method === "OPTIONS" && origin !== undefined && method !== undefined;
}

/** The answer to a preflight: 204 and the policy for an origin that may, 403 and nothing of it for another. */
export function preflightAnswer(
  policy: CorsPolicy,
  origin: string | undefined,
): { readonly status: number; readonly headers: readonly string[] } {
  const allowed = allowance(policy, origin);
  if (allowed === null) return { status: 403, headers: [] };
  const headers = ["access-control-allow-methods", policy.methods.join(", ")];
  if (policy.headers.length > 0) headers.push("access-control-allow-headers", policy.headers.join(", "));
  headers.push("access-control-max-age", String(policy.maxAgeS));
  return { status: 204, headers };
}

/** What changes in any answer of a route with a policy. The app's words go, whether its client's origin is listed or not. */
export function corsChange(policy: CorsPolicy, origin: string | undefined, headers: AnswerHeaders): HeaderChange {
  const allowed = allowance(policy, origin);
  const change: Record<string, string | null> = { ...ofTheApp, ...allowed };
  if (allowed !== null && policy.expose.length > 0) change["access-control-expose-headers"] = policy.expose.join(", ");
  // Without an origin too: a cache that kept such an answer would give it to pages of any.
  if (!policy.origins.includes("*")) change["vary"] = withVary(headers["vary"], "Origin");
  return change;
}

function allowance({ origins, credentials }: CorsPolicy, origin: string | undefined): Record<string, string> | null {
  if (origins.includes("*")) return { "access-control-allow-origin": "*" };
  if (origin === undefined || !origins.includes(origin)) return null;
  const allowed = { "access-control-allow-origin": origin };
  return credentials ? { ...allowed, "access-control-allow-credentials": "true" } : allowed;
}
