import { STATUS_CODES } from "node:http";

/** Answers of the edge itself. They name no app, no host and no address. */
const words: Readonly<Record<number, string>> = {
  400: "This request cannot be understood.",
  404: "Nothing is served here.",
  408: "The request took too long to arrive.",
  413: "The request is larger than this site takes.",
  429: "Too many requests. Try again later.",
  502: "The site did not answer. Try again.",
  503: "The site is not available at this moment. Try again.",
  504: "The site took too long to answer.",
};

export interface Page {
  readonly body: string;
  /** Name and value in turn. */
  readonly headers: readonly string[];
}

/** A short plain page for a status of the edge. */
export function page(status: number, options: { requestId?: string; retryAfterS?: number | undefined }): Page {
  const body = `${status} ${STATUS_CODES[status] ?? ""}\n${words[status] ?? ""}\n`;
  const headers = ["content-type", "text/plain; charset=utf-8", "content-length", String(Buffer.byteLength(body))];
  headers.push("cache-control", "no-store");
  if (options.requestId !== undefined) headers.push("x-request-id", options.requestId);
  if (options.retryAfterS !== undefined) headers.push("retry-after", String(options.retryAfterS));
  return { body, headers };
}
