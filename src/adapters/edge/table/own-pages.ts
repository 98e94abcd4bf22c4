import { STATUS_CODES } from "node:http";

/** What an edge answers itself. It names no app, no host and no address. */
const words: Readonly<Record<number, string>> = {
  308: "This page is at another address.",
  400: "This request is invalid.",
  403: "This origin is not allowed to call this site.",
  404: "There is no site here.",
  408: "The request took too long to arrive.",
  413: "The request is too large for this site.",
  429: "Too many requests. Try again later.",
  500: "Something went wrong here.",
  502: "The site did not answer. Try again.",
  503: "The site is not available at the moment. Try again.",
  504: "The site took too long to answer.",
};

/** What clients are told to wait: while a route is closed, a deployment's worth, and while nobody answers for it. */
export const retryAfterS = { maintenance: 60, unavailable: 1 } as const;

/** The words for a status as clients that want neither HTML nor JSON get them. */
export function plainText(status: number, said = words[status] ?? ""): string {
  return `${status} ${STATUS_CODES[status] ?? ""}\n${said}\n`;
}

/** The same as a problem (RFC 9457). */
export function problemText(status: number, said = words[status] ?? ""): string {
  return JSON.stringify({ type: "about:blank", title: STATUS_CODES[status] ?? "", status, detail: said });
}

/** The page for browsers while a route is closed without a custom page. */
export function maintenancePage(message: string): string {
  const escaped = message.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const style = "font-family:system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;text-align:center";
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Maintenance</title>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body style="${style}"><p>${escaped}</p></body></html>\n`;
}
