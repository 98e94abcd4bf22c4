import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join, resolve, sep } from "node:path";
import sirv from "sirv";

/** Files that are for building and deploying, not for visitors; the Caddyfile of images hides the same. */
const hidden = /\/(?:\.(?!well-known\/)|(?:Dockerfile|fairlead\.yml|node_modules)(?:[/?]|$))/;

/**
 * `fairlead-static DIRECTORY [FALLBACK]`: serves the files of a directory, which must not change, on `HOST` and `PORT`.
 * Paths without a file and without an extension get the fallback page, others 404 with the directory's 404.html.
 * Files whose name begins with a dot are not served, except below `.well-known`. SIGTERM lets running answers end.
 */
function serve([directory = ".", fallback = ""]: readonly string[], { HOST, PORT }: NodeJS.ProcessEnv): void {
  const root = resolve(directory);
  if (!existsSync(root)) {
    process.stderr.write(`fairlead-static: there is no directory ${root}; does the build create another one?\n`);
    process.exit(1);
  }
  const files = sirv(root, { etag: true, gzip: true, brotli: true, single: fallback });
  const missing = sirv(root, { single: "404.html", ignores: false });
  const server = createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") return end(response, 405);
    if (hidden.test(request.url ?? "")) return end(response, 404);
    const slashed = withSlash(root, request.url ?? "/");
    if (slashed !== null) return end(response.setHeader("Location", slashed), 308);
    forgetBadRange(request);
    files(request, response, () => {
      delete request.headers.range;
      const write = response.writeHead.bind(response);
      response.writeHead = ((_ok: number, headers: object) => write(404, { ...headers })) as typeof response.writeHead;
      missing(request, response, () => end(response, 404));
    });
  });
  server.listen(Number(PORT), HOST);
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => server.close());
}

function end(response: ServerResponse, status: 308 | 404 | 405): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end({ 308: "moved\n", 404: "not found\n", 405: "method not allowed\n" }[status]);
}

/** The address of a directory with an index page ends with a slash, so that the page's relative links work. */
function withSlash(root: string, url: string): string | null {
  const { pathname, search } = new URL(url.replace(/^\/+/, "/"), "http://localhost");
  if (pathname.endsWith("/")) return null;
  const at = join(root, pathname);
  return at.startsWith(root + sep) && existsSync(join(at, "index.html")) ? `${pathname}/${search}` : null;
}

/** A server may ignore a range (RFC 9110, 14.2): several, the last bytes, or one that ends before it begins. */
function forgetBadRange({ headers }: IncomingMessage): void {
  const [, from, to] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(headers.range ?? "") ?? [];
  if (from === undefined || (to && Number(to) < Number(from))) delete headers.range;
}

serve(process.argv.slice(2), process.env);
