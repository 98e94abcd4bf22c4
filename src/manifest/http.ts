import { asciiHost } from "../base/host-name.ts";
import { foreignHttpKeys } from "./foreign-keys.ts";
import { choice, duration, flag, integer, type Kind, rate, scalar, size, text } from "./kinds.ts";
import { conditions } from "./probe.ts";
import { defaulted, listOf, mapOf, optional, required, section } from "./section.ts";
import { show } from "./source.ts";

/** Limits for services, hosts and similar in one file: several times those of the largest reference stack. */
export const many = 50;

/** A path inside the source that cannot reach anything outside. */
export const inside = (what: string) =>
  text({
    label: "path",
    wanted: `${what} inside the source – write it without a leading / and without ..`,
    pattern: /^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[^\\\0\r\n]+$/,
    max: 512,
  });

const urlPath = text({
  label: "path",
  wanted: "a path – write it like /health",
  pattern: /^\/[\x21-\x7e]*$/,
  max: 1_024,
});

const asciiName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const anyHost = scalar({
  label: "host name",
  json: {
    type: "string",
    pattern: "^[a-z0-9\\u0080-\\uffff](?:[a-z0-9.\\u0080-\\uffff-]*[a-z0-9\\u0080-\\uffff])?$",
    maxLength: 253,
  },
  none: "",
  wanted: "a host name – write it in lower case without scheme, port or path, like shop.example.com",
  parse: ({ text: written }) => {
    const host = written.length <= 253 ? asciiHost(written) : null;
    return host !== null && asciiName.test(host) ? host : null;
  },
});

/**
 * RFC 1123 host names; lower case, because the edge compares them as written. International ones become what browsers
 * send (RFC 5891).
 */
export const host: Kind<string> = {
  ...anyHost,
  read(node, diagnostics) {
    if (node.kind !== "scalar" || !node.text.startsWith("*")) return anyHost.read(node, diagnostics);
    diagnostics.add(node, `${show(node)} is a wildcard, which is not offered yet – write whole names`);
    return "";
  },
};

/** A probe: the request and the expected answer. */
export const question = {
  path: required(urlPath, "Path requested with GET from the instance itself."),
  status: defaulted(integer("a status", { min: 200, max: 599 }), "200", "The required status."),
  json: optional(
    conditions,
    "Members of the JSON answer and their required values; all must match. `a.b: ok` and `a: {b: ok}` are the same. So `degraded` with status 200 does not pass.",
  ),
};

const ready = section({
  short: "path",
  fields: {
    ...question,
    within: defaulted(duration("1s", "1h"), "30s", "Time limit from start to ready; after it the deployment fails."),
    every: defaulted(duration("100ms", "5m"), "1s", "Time between two probes."),
    times: defaulted(
      integer("a count", { min: 1, max: 20 }),
      "2",
      "Required good answers in a row; two, because one can be luck.",
    ),
  },
  check({ within, every, times }, { node, diagnostics }) {
    if (every * (times - 1) > within)
      diagnostics.add(node, "can never be ready: times × every is longer than within – raise within");
  },
});

const alive = section({
  fields: {
    path: required(
      urlPath,
      "Path requested with GET from the instance itself; too many bad answers in a row restart the instance.",
    ),
    every: defaulted(duration("1s", "1h"), "10s", "Time between two probes."),
    timeout: defaulted(duration("100ms", "5m"), "5s", "A slower answer is a bad answer."),
    failures: defaulted(integer("a count", { min: 1, max: 100 }), "3", "Bad answers in a row before the restart."),
  },
});

const limitsKind = section({
  fields: {
    body: defaulted(size("1KB", "10GB"), "10MB", "Largest request body; a larger one is answered with 413."),
    rate: optional(
      rate(),
      "Requests per client address in any such period, like `100/1m`, counted over all instances; more are answered with 429 and Retry-After. Default: no limit.",
    ),
    burst: optional(
      integer("a count", { min: 1, max: 1_000_000 }),
      "Requests that may come at once; the period grows with it: `100/1m` with a burst of 200 is 200 in any two minutes. Default: the requests of `rate`.",
    ),
  },
  check({ rate: limit, burst }, { node, diagnostics }) {
    if (burst !== null && limit === null) diagnostics.add(node, "has burst without rate – add rate, like 100/1m");
  },
});

/** As browsers send it: no path, and no port that the scheme has anyway (RFC 6454 6.2). */
const asciiOrigin =
  /^(?:\*|(?!http:\/\/.*:80$)(?!https:\/\/.*:443$)[a-z][a-z0-9+.-]{0,30}:\/\/(?:[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[1-9]\d{0,4})?)$/;
const origin = scalar({
  label: "origin",
  json: { type: "string", pattern: asciiOrigin.source.replaceAll("0-9_.-", "0-9_.\\u0080-\\uffff-"), maxLength: 300 },
  none: "",
  wanted: "an origin as browsers send it – write it like https://app.example.com, without a path, or * for any",
  parse: ({ text: written }) => {
    const [, scheme = "", name = "", port = ""] =
      /^([a-z][^:]{0,30}:\/\/)([^:[\]/]{1,253})(:\d+)?$/.exec(written) ?? [];
    const sent = name === "" ? written : `${scheme}${asciiHost(name) ?? name}${port}`;
    return written.length <= 300 && asciiOrigin.test(sent) ? sent : null;
  },
});

const headerName = text({
  label: "header name",
  wanted: "the name of a header – write it like X-Request-Id",
  pattern: /^[A-Za-z0-9][A-Za-z0-9-]*$/,
  max: 100,
});

const cors = section({
  fields: {
    origins: required(
      listOf({ each: origin, min: 1, max: many }),
      "The pages' origins, like `https://app.example.com`; `*` alone allows any page to call, but never with credentials.",
    ),
    methods: defaulted(
      listOf({ each: choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), min: 1, max: 6 }),
      "[GET, HEAD, POST, PUT, PATCH, DELETE]",
      "Allowed methods.",
    ),
    headers: defaulted(
      listOf({ each: headerName, max: many }),
      "[Authorization, Content-Type, X-Request-Id]",
      "Allowed request headers, in addition to those that are always allowed.",
    ),
    expose: defaulted(
      listOf({ each: headerName, max: many }),
      "[]",
      "Readable answer headers, in addition to those that are always readable.",
    ),
    credentials: defaulted(flag(), "false", "Whether pages may send cookies and HTTP authentication."),
    maxAge: defaulted(duration("0s", "24h"), "10m", "How long browsers may cache the preflight answer."),
  },
  check({ origins, credentials }, { node, diagnostics }) {
    if (!origins.includes("*")) return;
    if (credentials)
      diagnostics.add(node, "has credentials with origin * – name the origins (any site could act as its users)");
    else if (origins.length > 1) diagnostics.add(node, "has * with other origins – write only *, or remove it");
  },
});

export const http = section({
  later: foreignHttpKeys,
  fields: {
    port: defaulted(
      integer("a port", { min: 1, max: 65_535 }),
      "8000",
      "The port on which the app listens; passed to it as PORT. Plain processes instead each get their own port in PORT.",
    ),
    hosts: optional(
      listOf({ each: host, min: 1, max: many }),
      "Host names of the service, in production or in the environment whose overlay has them. Default: `<service>.<app>.localhost`, with the prefix `<environment>--` outside production.",
    ),
    internal: defaulted(
      flag(),
      "false",
      "Only instances of the same environment can call it, at `${<service>.url}`; for all others it does not exist.",
    ),
    ready: optional(
      ready,
      "The probe that a new instance must pass to get traffic, and a serving one to keep it. Default: `GET /` is answered with a status below 500; later that it accepts connections.",
    ),
    alive: optional(
      alive,
      "The probe that a serving instance must pass, or it is restarted. Default: it is restarted only when it exits.",
    ),
    timeout: defaulted(
      duration("1s", "24h"),
      "60s",
      "Longest silence of the app before the edge answers 504; a common default of reverse proxies.",
    ),
    limits: defaulted(limitsKind, "{}", "Limits on what a client may send."),
    headers: defaulted(
      choice(["secure", "none"]),
      "none",
      "`secure` adds the usual security headers unless the app sets them, and over HTTPS Strict-Transport-Security for a year. Not the default, because they can break a framed page.",
    ),
    contentSecurityPolicy: optional(
      text({
        label: "policy",
        wanted: "a Content-Security-Policy – write it on one line, like default-src 'self'",
        pattern: /^[\x20-\x7e]+$/,
        max: 4_096,
      }),
      "Sent as Content-Security-Policy if the app sends none, like `default-src 'self'`. Default: none, because only the app's author knows it.",
    ),
    cors: optional(
      cors,
      "Pages that may call the service from a browser. The edge then answers preflights itself and replaces the app's CORS headers. Default: preflights and CORS headers pass unchanged.",
    ),
    canonical: optional(host, "The one of `hosts` to which requests for all others are redirected with 308."),
    https: defaulted(
      choice(["redirect", "both"]),
      "redirect",
      "`redirect` redirects plain HTTP to HTTPS with 308 once the edge has a certificate for the host; `both` serves both.",
    ),
    pages: optional(
      mapOf({
        each: inside("a file"),
        key: /^50[234]$/,
        wanted: "a status with a page – write 502, 503 or 504",
        max: 3,
      }),
      "HTML files of the source, at most 64 KB each, by status. Browsers get them when the edge itself answers 502 (the app closed the connection), 503 (no instance) or 504 (too slow). They never replace an answer of the app.",
    ),
  },
  check({ hosts, internal, canonical }, { node, diagnostics }) {
    if (internal && hosts !== null)
      diagnostics.add(
        node,
        "has hosts although it is internal – remove them; other services reach it at `${<service>.url}`",
      );
    if (canonical === null || hosts?.includes(canonical)) return;
    diagnostics.add(node, `has a canonical host that is not one of its hosts – add ${canonical} to hosts`);
  },
});
