import type { IncomingMessage } from "node:http";
import { constants, createBrotliCompress, createGzip } from "node:zlib";
import { type AnswerHeaders, type HeaderChange, withVary } from "./headers.ts";
import { embeddedSettings } from "./settings.ts";

export type Coding = "br" | "gzip";
export type Compressor = ReturnType<typeof createGzip> | ReturnType<typeof createBrotliCompress>;

const compressible = /^(?:text\/(?!event-stream)|application\/(?:[\w.+-]+\+)?(?:json|xml|javascript)|image\/svg\+xml)/i;

/** What compression does to an answer: the coding to use, or none, and the headers that change either way. */
export interface CompressionPlan {
  readonly coding: Coding | null;
  readonly change: HeaderChange;
}

/**
 * Whether an answer is compressed for this client. Null: it is unchanged, because it is not text, already encoded,
 * partial, of known small size, an event stream, or its app sent `no-transform` (RFC 9110 7.7).
 */
export function compressionPlan(
  { req, isSecret }: Asked,
  status: number,
  headers: AnswerHeaders,
): CompressionPlan | null {
  const type = headers["content-type"];
  if (type === undefined || !compressible.test(String(type))) return null;
  if (req.method === "HEAD" || status === 204 || status === 206 || status === 304) return null;
  if (headers["content-encoding"] !== undefined || headers["content-range"] !== undefined) return null;
  if (/\bno-transform\b/i.test(String(headers["cache-control"] ?? ""))) return null;
  const length = headers["content-length"];
  if (length !== undefined && Number(length) < embeddedSettings.compressFrom) return null;
  const vary = withVary(headers["vary"], "Accept-Encoding");
  const coding = isSecret ? null : acceptedCoding(req.headers["accept-encoding"]);
  if (coding === null) return { coding, change: { vary } };
  const change: Record<string, string | null> = { vary, "content-encoding": coding, "content-length": null };
  change["accept-ranges"] = null;
  const etag = headers["etag"];
  if (typeof etag === "string") change["etag"] = etag.startsWith("W/") ? etag : `W/${etag}`;
  return { coding, change };
}

interface Asked {
  readonly req: IncomingMessage;
  /** Its length must not tell what is in it. */
  readonly isSecret: boolean;
}

/** A compressor whose output is complete after every write, so that a stream of text stays a stream. */
export function compressor(coding: Coding): Compressor {
  if (coding === "gzip") return createGzip({ level: 4, flush: constants.Z_SYNC_FLUSH });
  const params = { [constants.BROTLI_PARAM_QUALITY]: 4 };
  return createBrotliCompress({ params, flush: constants.BROTLI_OPERATION_FLUSH });
}

/** The best coding that an Accept-Encoding header allows (RFC 9110 12.5.3). */
export function acceptedCoding(header: string | string[] | undefined): Coding | null {
  const quality = new Map<string, number>();
  for (const part of String(header ?? "")
    .toLowerCase()
    .split(",")) {
    const [name = "", ...parameters] = part.split(";").map((piece) => piece.trim());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    quality.set(name, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  const of = (name: Coding) => quality.get(name) ?? quality.get("*") ?? 0;
  if (of("br") > 0 && of("br") >= of("gzip")) return "br";
  return of("gzip") > 0 ? "gzip" : null;
}
