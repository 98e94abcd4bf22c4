import { choice, duration, flag, integer, rate, size, text } from "./kinds.ts";
import { conditions } from "./probe.ts";
import { defaulted, listOf, mapOf, optional, required, section } from "./section.ts";

/** How many services, hosts and the like one file may have: several times what the largest reference stack has. */
export const many = 50;

/** A place in the source that nothing outside of it can be reached by. */
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

/** RFC 1123 host names; small letters, because the edge compares them as written. */
export const host = text({
  label: "host name",
  wanted: "a host name – write it in small letters and without scheme, port or path, like shop.example.com",
  pattern: /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/,
  max: 253,
});

/** What an instance is asked, and which answer is a good one. */
export const question = {
  path: required(urlPath, "Asked with GET on the instance itself."),
  status: defaulted(integer("a status", { min: 200, max: 599 }), "200", "The only status of a good answer."),
  json: optional(
    conditions,
    "Members of the JSON answer and what they must be, all of them; `a.b: ok` and `a: {b: ok}` are the same. So `degraded` with status 200 does not pass.",
  ),
};

const ready = section({
  fields: {
    ...question,
    within: defaulted(duration("1s", "1h"), "30s", "Longest time from start to ready; then the deployment fails."),
    every: defaulted(duration("100ms", "5m"), "1s", "Time between two questions."),
    times: defaulted(
      integer("a count", { min: 1, max: 20 }),
      "2",
      "Good answers in a row; two, because one can be luck.",
    ),
  },
  check({ within, every, times }, { node, complaints }) {
    if (every * (times - 1) > within)
      complaints.add(node, "can never be ready: times × every is longer than within – raise within");
  },
});

const alive = section({
  fields: {
    path: required(
      urlPath,
      "Asked with GET on the instance itself; a bad answer in a row too many restarts the instance.",
    ),
    every: defaulted(duration("1s", "1h"), "10s", "Time between two questions."),
    timeout: defaulted(duration("100ms", "5m"), "5s", "A slower answer is a bad one."),
    failures: defaulted(integer("a count", { min: 1, max: 100 }), "3", "Bad answers in a row before the restart."),
  },
});

const limitsKind = section({
  fields: {
    body: defaulted(size("1KB", "10GB"), "10MB", "Largest request body; more is answered with 413."),
    rate: optional(
      rate(),
      "Requests for each client address in any such time, like `100/1m`, counted over all instances; more are answered with 429 and Retry-After. Default: no limit.",
    ),
    burst: optional(
      integer("a count", { min: 1, max: 1_000_000 }),
      "Requests that may come at once; the time grows with it: `100/1m` with a burst of 200 is 200 in any two minutes. Default: the requests of `rate`.",
    ),
  },
  check({ rate: limit, burst }, { node, complaints }) {
    if (burst !== null && limit === null) complaints.add(node, "has burst without rate – write rate too, like 100/1m");
  },
});

/** As browsers send it: no path, and no port that the scheme has anyway (RFC 6454 6.2). */
const origin = text({
  label: "origin",
  wanted: "an origin as browsers send it – write it like https://app.example.com, without a path, or * for any",
  pattern:
    /^(?:\*|(?!http:\/\/.*:80$)(?!https:\/\/.*:443$)[a-z][a-z0-9+.-]{0,30}:\/\/(?:[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[1-9]\d{0,4})?)$/,
  max: 300,
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
      "The pages' origins, like `https://app.example.com`; `*` alone lets any page call, but never with credentials.",
    ),
    methods: defaulted(
      listOf({ each: choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), min: 1, max: 6 }),
      "[GET, HEAD, POST, PUT, PATCH, DELETE]",
      "What they may do.",
    ),
    headers: defaulted(
      listOf({ each: headerName, max: many }),
      "[Authorization, Content-Type, X-Request-Id]",
      "Request headers they may send beside those that are always allowed.",
    ),
    expose: defaulted(
      listOf({ each: headerName, max: many }),
      "[]",
      "Answer headers they may read beside those that are always readable.",
    ),
    credentials: defaulted(flag(), "false", "They may send cookies and HTTP authentication."),
    maxAge: defaulted(duration("0s", "24h"), "10m", "How long browsers may remember the answer to their question."),
  },
  check({ origins, credentials }, { node, complaints }) {
    if (!origins.includes("*")) return;
    if (credentials)
      complaints.add(node, "has credentials with origin * – name the origins (any site could act as its users)");
    else if (origins.length > 1) complaints.add(node, "has * beside other origins – write * alone, or take it out");
  },
});

export const http = section({
  fields: {
    port: defaulted(
      integer("a port", { min: 1, max: 65_535 }),
      "8000",
      "Where the app listens; handed to it as PORT. As plain processes each instance gets a port of its own in PORT instead.",
    ),
    hosts: optional(
      listOf({ each: host, min: 1, max: many }),
      "Names it answers to, for production or for the environment whose overlay has them. Default: `<service>.<app>.localhost`, with `<environment>--` in front outside production.",
    ),
    internal: defaulted(
      flag(),
      "false",
      "Only instances of the same environment may call it, at `${<service>.url}`; to everybody else there is no such service.",
    ),
    ready: optional(
      ready,
      "When a new instance gets traffic, and a serving one keeps it. Default: it accepts connections.",
    ),
    alive: optional(alive, "When a serving instance is restarted. Default: only when it exits."),
    timeout: defaulted(
      duration("1s", "24h"),
      "60s",
      "Longest silence of the app before the edge answers 504; what reverse proxies commonly allow.",
    ),
    limits: defaulted(limitsKind, "{}", "What a client may send."),
    headers: defaulted(
      choice(["secure", "none"]),
      "none",
      "`secure` adds the usual security headers where the app has not set them, and over HTTPS Strict-Transport-Security for a year. Not the default: they can break a page that is framed.",
    ),
    contentSecurityPolicy: optional(
      text({
        label: "policy",
        wanted: "a Content-Security-Policy – write it on one line, like default-src 'self'",
        pattern: /^[\x20-\x7e]+$/,
        max: 4_096,
      }),
      "Sent as Content-Security-Policy where the app sends none, like `default-src 'self'`. Default: none, as only the app's author knows it.",
    ),
    cors: optional(
      cors,
      "Whose pages may call the service from a browser. The edge then answers the browser's questions (preflights) itself, and what the app says about CORS is replaced. Default: all of that goes to the app and back untouched.",
    ),
    canonical: optional(host, "The one of `hosts` that requests for all others are sent to with 308."),
    https: defaulted(
      choice(["redirect", "both"]),
      "redirect",
      "`redirect` sends plain HTTP to HTTPS with 308 once the edge has a certificate for the host; `both` serves both.",
    ),
    pages: optional(
      mapOf({
        each: inside("a file"),
        key: /^50[234]$/,
        wanted: "a status with a page – write 502, 503 or 504",
        max: 3,
      }),
      "HTML files of the source, at most 64 KB each, by status: what browsers get when the edge itself has to answer 502 (the app broke off), 503 (nobody is there) or 504 (too slow). Never in place of an answer of the app.",
    ),
  },
  check({ hosts, internal, canonical }, { node, complaints }) {
    if (internal && hosts !== null)
      complaints.add(
        node,
        "has hosts although it is internal – leave them out; its neighbours find it at `${<service>.url}`",
      );
    if (canonical === null || hosts?.includes(canonical)) return;
    complaints.add(node, `has a canonical host that is not one of its hosts – add ${canonical} to hosts`);
  },
});
