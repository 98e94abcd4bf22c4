import type { z } from "zod";
import { type Diagnostic, Fault } from "../base/faults.ts";
import { pathAndMessage } from "../base/text.ts";
import { type PathParam, pathParams } from "../contract/params.ts";
import { paramsOf } from "../contract/paths.ts";
import { issueWords } from "./issue-words.ts";

/** Largest JSON body: a manifest is at most 256 KiB, and nothing else is larger. */
export const bodyLimit = 1024 * 1024;

/** Checks a value against the contract. Faults: `request.invalid` with every place that is wrong; values are not echoed. */
export function decode<Schema extends z.ZodType>(schema: Schema, value: unknown, root: string): z.output<Schema> {
  const read = schema.safeParse(value, { error: issueWords });
  if (read.success) return read.data;
  throw invalidRequest(diagnosticsOf(read.error.issues, root));
}

function invalidRequest(diagnostics: readonly Diagnostic[]): Fault {
  const first = diagnostics[0];
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
  return new Fault("request.invalid", `${first ? pathAndMessage(first) : "it is invalid"}${more}`, {
    diagnostics,
  });
}

/** At most this many diagnostics; a hostile body must not make a larger answer. */
const diagnosticLimit = 50;

function diagnosticsOf(issues: readonly z.core.$ZodIssue[], root: string): readonly Diagnostic[] {
  return issues.slice(0, diagnosticLimit).map((issue) => ({
    path: [root, ...issue.path.map(String)].join(".").slice(0, 200),
    message: issue.message.slice(0, 300),
  }));
}

/** The members of the path, each as the contract wants it. */
export function decodeParams(path: string, given: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    paramsOf(path).map((member) => [member, decode(pathParams[member as PathParam], given[member], `path.${member}`)]),
  );
}

/** The query, where a name that is given several times is a list. */
export function decodeQuery(schema: z.ZodObject, url: string): unknown {
  const found: Record<string, string | string[]> = {};
  for (const [name, value] of new URL(url).searchParams) {
    const before = Object.hasOwn(found, name) ? found[name] : undefined;
    found[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value].slice(0, 100);
  }
  return decode(schema, found, "query");
}

/** The JSON body. Faults: `request.too-large`, `request.invalid`. */
export async function decodeBody(schema: z.ZodType, request: Request): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new Fault("request.invalid", "the body must be JSON, with Content-Type application/json");
  }
  return decode(schema, parseJson(await readText(request)), "body");
}

/** Faults: `request.invalid`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    // The parser's own words quote the body, which may hold values.
    throw new Fault("request.invalid", "the body is not JSON");
  }
}

async function readText(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > bodyLimit)
      throw new Fault("request.too-large", `the body is larger than ${bodyLimit} bytes`, {
        hint: "Send less at once.",
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The revision of an If-Match header; null when it is absent or `*`. Faults: `request.invalid`, `document.stale`. */
export function expectedRevision(request: Request): number | null {
  const given = request.headers.get("if-match");
  if (given === null || given.trim() === "*") return null;
  const found = /^\s*"(\d{1,15})"\s*$/.exec(given);
  if (!found) throw new Fault("document.stale", "If-Match is not the ETag of this document");
  return Number(found[1]);
}

/** Where a stream goes on: Last-Event-ID, else `after`, else null. */
export function resumePoint(request: Request, after: number | undefined): number | null {
  const last = request.headers.get("last-event-id");
  if (last === null) return after ?? null;
  if (!/^\d{1,15}$/.test(last)) throw new Fault("request.invalid", "Last-Event-ID must be an id of this stream");
  return Number(last);
}

/** The Idempotency-Key, or null. Faults: `request.invalid`. */
export function idempotencyKey(request: Request): string | null {
  const key = request.headers.get("idempotency-key");
  if (key === null) return null;
  if (/^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new Fault("request.invalid", "Idempotency-Key must be 1 to 200 visible ASCII characters");
}
