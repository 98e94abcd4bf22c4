import { sha256 } from "../../../base/digest.ts";
import type { Address } from "../../../model/instance.ts";
import { type FrontProxies, securityHeaders } from "../../../model/route.ts";
import type { Capacity } from "../table/capacity.ts";
import { challengePrefix } from "../table/challenges.ts";
import { answerCors, notReturned, preflightCors } from "../table/forwarding.ts";
import { retryAfterS } from "../table/own-pages.ts";
import { bodiesProgram, countedLines, countedName, countsBodies } from "./bodies.ts";
import { caller, whoCalls } from "./caller.ts";
import { clientsPart, crowdRules, mostConnections, poolRule, turnAway } from "./crowd.ts";
import type { EdgeFiles } from "./files.ts";
import { poolName, type SlotLayout, type SlotLease } from "./layout.ts";
import { luaProgram } from "./lua.ts";
import { encoded, ownStatuses, plainLine } from "./policies.ts";
import { recordFormat } from "./record.ts";
import { forwarding, lineIf, meaning } from "./request-rules.ts";
import { asks, direct, fact, flags, noService } from "./route-map.ts";
import { haproxySettings } from "./settings.ts";

/** What the configuration depends on beside the layout. */
export interface ConfigOptions {
  readonly files: EdgeFiles;
  readonly listen: Address;
  /** Addresses beside that one at which insiders find it. */
  readonly doors: readonly string[];
  /** Where it takes TLS; null: nowhere. */
  readonly secure: Address | null;
  /** Proxies in front of it, and whether their connections begin with a PROXY protocol header. */
  readonly proxies: FrontProxies;
  readonly threads: number;
  readonly capacity: Capacity;
  /** HAProxy's user if root starts it; null: unchanged. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
  /** Of HAProxy, e.g. [3, 2]: later ones have words that previous ones refuse. */
  readonly version: readonly [number, number];
}

/** The whole configuration: HAProxy started from it serves exactly the layout, as it is on disk. Pure. */
export function configText(options: ConfigOptions, layout: SlotLayout): string {
  const parts = [globalPart(options), ringPart, defaultsPart(options), clientsPart, frontendPart(options)];
  return `${[...parts, poolsPart(options, layout)].join("\n\n")}\n`;
}

/** What of a configuration takes a reload to change: all but what is in the slots. */
export function shapeOf(config: string): string {
  return config.replace(/^( {2}server s\d+) .*$/gm, "$1");
}

/** The line of one slot. An empty one points at an unused port. */
export function slotLine(lease: SlotLease | undefined, index: number): string {
  const seat = lease?.seats[index];
  if (seat === undefined) return `  server s${index + 1} 127.0.0.1:9 weight 1 disabled`;
  const address = seat.ip.includes(":") ? `[${seat.ip}]` : seat.ip;
  return `  server s${index + 1} ${address}:${seat.port} weight ${seat.weight}`;
}

function globalPart({ files, threads, capacity, user, proxies, version }: ConfigOptions): string {
  const lines = [
    "global",
    `  nbthread ${threads}`,
    `  maxconn ${mostConnections(capacity)}`,
    ...(user === null ? [] : [`  uid ${user.uid}`, `  gid ${user.gid}`]),
    // Two of one port would share its connections without a word.
    "  noreuseport",
    `  hard-stop-after ${haproxySettings.outliveS}s`,
    `  stats socket ${quoted(files.admin)} mode 600 level admin expose-fd listeners`,
    `  stats timeout ${haproxySettings.cliIdleS}s`,
    `  tune.bufsize ${haproxySettings.bufferBytes}`,
    `  tune.http.maxhdr ${haproxySettings.headers}`,
    `  tune.http.logurilen ${haproxySettings.firstLineBytes}`,
    // Another program is another shape.
    `  # ${sha256(luaProgram(files, proxies.trust) + bodiesProgram).slice(-16)}`,
    `  lua-load ${quoted(files.lua)}`,
    ...(countsBodies(version) ? [`  lua-load-per-thread ${quoted(files.bodiesLua)}`] : []),
  ];
  return lines.join("\n");
}

const ringPart = `ring records
  format raw
  maxlen ${haproxySettings.recordBytes}
  size ${haproxySettings.ringBytes}`;

/**
 * An answer that HAProxy gives where no rule is: what the route's policy has for this status and what the client wants to
 * read, or plain words. All in one line, because HAProxy writes a line's end as `%0A` there.
 */
function ownError({ policies }: EdgeFiles, status: number): string {
  const words = encoded(plainLine(status));
  const body = `%[${fact("policy")},concat(.${status}.,txn.kind),map_str(${policies},${words}),b64dec]`;
  return `status ${status} content-type "text/plain; charset=utf-8" lf-string '${body}'`;
}

function isSince([has, hasMinor]: readonly [number, number], major: number, minor: number): boolean {
  return has > major || (has === major && hasMinor >= minor);
}

function defaultsPart({ files, capacity, version }: ConfigOptions): string {
  const errors = ownStatuses.map((status) => `  http-error ${ownError(files, status)}`);
  const since = (major: number, minor: number, line: string) => (isSince(version, major, minor) ? [line] : []);
  const later = since(2, 9, `  timeout client-hs ${haproxySettings.handshakeMs}ms`);
  return `defaults edge
  mode http
  log ring@records len ${haproxySettings.recordBytes} format raw local0
  option http-no-delay
  option idle-close-on-response
  option abortonclose
  option dontlognull
  timeout client ${haproxySettings.clientS}s
  timeout client-fin ${haproxySettings.lingerMs}ms
  timeout http-request ${haproxySettings.headersMs}ms
  timeout http-keep-alive ${haproxySettings.clientIdleMs}ms
  timeout connect ${haproxySettings.connectS}s
  timeout queue ${haproxySettings.connectS}s
  timeout server ${haproxySettings.serverS}s
  timeout tunnel ${haproxySettings.tunnelS}s
${[...later, ...errors].join("\n")}

defaults pool from edge
  balance roundrobin
  retries 2
  option redispatch 1
  retry-on conn-failure
  default-server pool-purge-delay 1s
  # Nobody could be reached: to the client that is a 502.
  http-error ${ownError(files, 502).replace("status 502", "status 503")}
${poolRule(capacity)}
  http-request set-log-level info
  http-request set-timeout server ${fact("timeoutMs")}`;
}

/**
 * Not plain text, Markdown and NDJSON: apps stream them piece by piece (chat answers), and HAProxy's gzip keeps the last
 * bits of a piece back until the next one.
 */
const compressible = [
  ...["html", "css", "csv", "xml", "javascript", "calendar"].map((one) => `text/${one}`),
  ...["json", "ld+json", "vnd.api+json", "manifest+json", "geo+json", "javascript", "xml"].map(
    (one) => `application/${one}`,
  ),
  ...["xhtml+xml", "rss+xml", "atom+xml", "wasm"].map((one) => `application/${one}`),
  "image/svg+xml",
];

function frontendPart(options: ConfigOptions): string {
  const { files, listen, doors, secure, proxies, version } = options;
  const inner = doors.flatMap((host) => bindLines({ host, port: listen.port }, ""));
  const { client } = caller(proxies.trust);
  return `frontend edge from edge
${[...bindLines(listen, ""), ...inner, ...(secure === null ? [] : bindLines(secure, tlsWords(files)))].join("\n")}
${announced(proxies)}${crowdRules(options.capacity, proxies)}  log-format "${recordFormat(client)}"
  # Here and in no pool: a filter of both would be two, and each costs every request.
  compression algo gzip
  compression type ${compressible.join(" ")}
${lineIf(isSince(version, 3, 2), `compression minsize-res ${haproxySettings.compressFrom}`)}${whoCalls(proxies.trust)}
  # What is known of every request, also of one that is refused.
  http-request set-log-level silent
  http-request set-var(txn.t0) date(0,us)
  http-request set-var(txn.id) req.fhdr(x-request-id)
  http-request set-var(txn.id) uuid unless { var(txn.id) -m reg '^[A-Za-z0-9._-]{1,128}$' }
  http-request set-var(txn.kind) str(html) if { req.fhdr(accept) -m sub -i text/html }
  http-request set-var(txn.kind) str(json) if !{ var(txn.kind) -m found } { req.fhdr(accept) -m sub -i json }
${turnAway}${lineIf(proxies.trust.length > 0, "http-request lua.origin")}${meaning}
  # What a certificate authority asks.
  http-request set-var(txn.answer) 'path,regsub(^${challengePrefix},),map_str(${files.challenges})' if ${challenge} !{ ssl_fc }
  http-request return status 200 content-type text/plain lf-string %[var(txn.answer)] if { var(txn.answer) -m found }
${whose(files)}
${forwarding(proxies, secure !== null)}
${admission(options)}
${lineIf(countsBodies(version), `use_backend ${countedName(`%[${fact("pool")}]`)} if { var(txn.counted) -m bool }`)}  use_backend %[${fact("pool")}]
${answers(options)}`;
}

/**
 * Most clients write a host as it stands in the map; how else it may be written is checked where that finds nothing.
 */
function whose({ map }: EdgeFiles): string {
  const lookUp = `map_str(${map})`;
  return `  # Whose it is.
  acl routed var(txn.route) -m found
  http-request set-var(txn.host) req.hdr(host),lower,host_only
  http-request set-var(txn.route) var(txn.host),${lookUp} unless { var(txn.host) -m beg ! * }
  http-request set-var(txn.host) 'var(txn.host),regsub(\\.$,)' if !routed
  http-request set-var(txn.key) var(txn.host) if !routed { var(txn.host) -m reg '^([a-z0-9_.-]{1,253}|\\[[0-9a-f:.]+\\])$' }
  http-request set-var(txn.route) var(txn.key),${lookUp} if !routed
  http-request set-var(txn.key) 'var(txn.key),regsub(^[^.]+,*)' if !routed
  http-request set-var(txn.route) var(txn.key),${lookUp} if !routed
  acl usual var(txn.route) -m beg 1
  http-request lua.inside if !usual { ${asks(flags.inside)} }
${refused(404, "!routed")}`;
}

/** An own answer in the place of the app's; a client that still sends its body is listened to until it has read it. */
function refused(status: number, when: string): string {
  return `  http-request use-service lua.refuse${status} if ${when} !whole !expects
  http-request lua.own ${status} if ${when}`;
}

const challenge = `{ path -m beg ${challengePrefix} }`;

/** From plain HTTP to where the host has a certificate, at once under its canonical name. */
function toHttps({ secure }: EdgeFiles): string {
  return `  http-request set-var(txn.place) var(txn.host) if turns plain
  http-request set-var(txn.place) var(txn.canonical) if turns plain moved
  http-request set-var(txn.door) var(txn.place),map_str(${secure}) if turns plain
  http-request set-var(txn.door) 'var(txn.place),regsub(^[^.]+,*),map_str(${secure})' if turns plain !{ var(txn.door) -m found }
  http-request redirect location https://%[var(txn.place)]%[pathq] code 308 if { var(txn.door) -m str :443 } !${challenge}
  http-request redirect location https://%[var(txn.place)]%[var(txn.door)]%[pathq] code 308 if { var(txn.door) -m found } !${challenge}`;
}

function admission({ files, secure, version, proxies }: ConfigOptions): string {
  const { client, proto } = caller(proxies.trust);
  const policy = (key: string) => `var(txn.policy),concat(.${key}),map_str(${files.policies})`;
  return `  # Nothing but the usual is asked of most routes: those requests go on at once.
  acl bodied req.body_size gt 0
${lineIf(countsBodies(version), counting)}  http-request set-var(txn.body) ${fact("bodyBytes")} if bodied${countsBodies(version) ? " or { var(txn.counted) -m bool }" : ""}
  # What is announced of it, or here already.
  acl large req.body_size,sub(txn.body) gt 0
  acl turns ${asks(flags.https)}
  http-request allow if usual !large ${secure === null ? "" : "!plain or usual !large !turns"}
  # Whether, when and by whom it is served: once, before any waiting, and in this order.
  http-request set-var(txn.policy) ${fact("policy")}
  http-request set-var(txn.csp) ${policy("csp")} if { ${asks(flags.contentSecurityPolicy)} }
  acl cors ${asks(flags.cors)}
  http-request set-var(txn.origin) req.hdr(origin) if cors
  http-request set-var(txn.allowed) var(txn.policy),concat(.origin.,txn.origin),map_str(${files.policies}) if cors
  http-request set-var(txn.allowed) ${policy("origin.*")} if cors !{ var(txn.allowed) -m found }
  http-request set-var(txn.canonical) ${policy("canonical")} if { ${asks(flags.canonical)} }
  acl moved var(txn.canonical) -m found
${secure === null ? "" : `${toHttps(files)}\n`}  http-request set-var(txn.port) 'req.hdr(host),regsub("^(\\[[^]]*\\]|[^:]*)",)' if moved
  http-request redirect location %[var(${proto})]://%[var(txn.canonical)]%[var(txn.port)]%[pathq] code 308 if moved !{ var(txn.canonical),strcmp(txn.host) eq 0 } !${challenge}
  http-request set-var(txn.network) var(${client}),ipmask(32,64)
  http-request lua.limit unless { ${fact("rateMost")} -m str 0 }
${refused(429, "{ var(txn.retry) -m found }")}
  acl preflight method OPTIONS
  acl asks req.hdr(access-control-request-method) -m found
  http-request return status 204 hdr access-control-allow-methods %[${policy("cors.methods")}] hdr access-control-allow-headers %[${policy("cors.headers")}] hdr access-control-max-age %[${policy("cors.age")}] if cors preflight asks { var(txn.allowed) -m found }
  http-request lua.own 403 if cors preflight asks { var(txn.origin) -m found }
${lineIf(isSince(version, 3, 0), `http-request set-timeout client ${haproxySettings.lingerMs}ms if large`)}${refused(413, "large")}
  http-request set-var(txn.key) var(txn.host) unless { var(txn.key) -m found }
  http-request lua.hold unless { ${fact("holdMs")} -m str 0 }
${refused(404, "!routed")}
  http-request set-log-level info
  http-request set-var(txn.policy) ${fact("policy")}
  http-request set-var(txn.retry) int(${retryAfterS.unavailable})
  acl closed ${asks(flags.maintenance)}
  http-request set-var(txn.what) str(closed) if closed
  http-request set-var(txn.retry) int(${retryAfterS.maintenance}) if closed
${refused(503, "closed")}
${refused(503, "{ var(txn.late) -m bool }")}
${refused(503, `{ ${fact("pool")} -m str ${noService} }`)}
  http-request unset-var(txn.retry)`;
}

/** A WebSocket over HTTP/2 has no end and no body. */
const counting = `acl announced req.hdr(content-length) -m found
  acl socket req.hdr(upgrade) -m found
  acl chunked req.fhdr(transfer-encoding) -m found
  http-request set-var(txn.counted) bool(true) if !whole !announced !socket
  http-request set-var(txn.counted) bool(true) if !whole !announced chunked`;

function answers({ files }: ConfigOptions): string {
  const corsValue = (key: string) => `var(txn.policy),concat(.cors.${key}),map_str(${files.policies})`;
  const allowed = "{ var(txn.allowed) -m found }";
  const secure = securityHeaders.always.map(
    ([name, value]) =>
      `  http-after-response set-header ${name} ${quoted(value)} if secured !{ res.hdr(${name}) -m found }`,
  );
  const overTls = securityHeaders.overTls.map(
    ([name, value]) =>
      `  http-after-response set-header ${name} ${quoted(value)} if secured !plain !{ res.hdr(${name}) -m found }`,
  );
  return `  # What the client is told.
  http-response set-var(txn.answered) date(0,us) unless { var(txn.condemned) -m bool }
  http-response lua.unlist_answer if { res.hdr(connection) -m found } !{ status 101 }
${notReturned.map((name) => `  http-response del-header ${name}`).join("\n")}
  acl app var(txn.answered) -m found
  acl secured ${asks(flags.secure)}
  acl policed var(txn.csp) -m found
  http-after-response set-header x-request-id %[var(txn.id)]
  http-after-response allow if app usual !secured
${[...secure, ...overTls].join("\n")}
  http-after-response set-header content-security-policy %[var(txn.csp)] if policed !{ res.hdr(content-security-policy) -m found }
  http-after-response allow if app !cors
  http-after-response del-header '^(${answerCors.join("|")})$' -m reg if cors
  http-after-response del-header '^(${preflightCors.join("|")})$' -m reg if cors app
  http-after-response set-header access-control-allow-origin %[var(txn.allowed)] if cors ${allowed}
  http-after-response set-header access-control-allow-credentials true if cors ${allowed} { ${corsValue("credentials")} -m found }
  http-after-response set-header access-control-expose-headers %[${corsValue("expose")}] if cors ${allowed} { ${corsValue("expose")} -m found }
  http-after-response add-header vary Origin if cors !{ var(txn.allowed) -m str * }
  http-after-response allow if app
  # What of it is the edge's own.
  http-after-response set-status 502 if { status 503 } !{ be_name edge } !{ var(txn.full) -m bool }
  http-after-response set-header cache-control no-store unless { status 204 }
  http-after-response set-header retry-after %[var(txn.retry)] if { var(txn.retry) -m found }
  http-after-response set-var(txn.said) status,concat(.,txn.kind)
  http-after-response set-var(txn.said) var(txn.what),concat(.,txn.kind) if { status 503 }
  acl paged ${fact("policy")},concat(.,txn.said),map_str(${files.policies}) -m found
  http-after-response set-header content-type application/problem+json if { var(txn.kind) -m str json } paged
  http-after-response set-header content-type "text/html; charset=utf-8" if { var(txn.kind) -m str html } paged
  http-after-response set-header connection close if { status 400 } or { var(txn.condemned) -m bool }`;
}

/** Without a certificate for a name the handshake ends; there is no default one. */
function tlsWords({ crtList }: EdgeFiles): string {
  return ` ssl crt-list ${crtList} strict-sni alpn h2,http/1.1 ssl-min-ver TLSv1.2`;
}

/** Connections of proxies that tell their clients in front of everything else; one that does not is cut. */
function announced({ trust, proxyProtocol }: FrontProxies): string {
  return proxyProtocol && trust.length > 0
    ? `  tcp-request connection expect-proxy layer4 if { src ${trust.join(" ")} }
`
    : "";
}

function bindLines({ host, port }: Address, words: string): readonly string[] {
  // One door for each family: on one for both an IPv4 address would look like an IPv6 one.
  if (host === "::") return [`  bind 0.0.0.0:${port}${words}`, `  bind [::]:${port} v6only${words}`];
  return [`  bind ${host.includes(":") ? `[${host}]` : host}:${port}${words}`];
}

function poolsPart({ version }: ConfigOptions, { classes, leases }: SlotLayout): string {
  const inPool = new Map(leases.map((lease) => [lease.pool, lease]));
  const backend = (name: string, lines: readonly string[]) => {
    const pool = [`backend ${name} from pool`, ...lines].join("\n");
    if (!countsBodies(version)) return pool;
    return `${pool}\n\n${[`backend ${countedName(name)} from pool`, ...countedLines, ...lines].join("\n")}`;
  };
  const pools = classes.flatMap(({ slots, pools: count }) =>
    Array.from({ length: count }, (_none, index) => {
      const name = poolName(slots, index + 1);
      return backend(
        name,
        Array.from({ length: slots }, (_slot, slot) => slotLine(inPool.get(name), slot)),
      );
    }),
  );
  return [backend(direct, directLines), ...pools].join("\n\n");
}

/**
 * Without an address of its own a server is where its request is set to go; it is distinguished as a pool's first one.
 */
const directLines: readonly string[] = [
  `  http-request set-dst ${fact("ip")}`,
  `  http-request set-dst-port ${fact("port")}`,
  "  server s1 0.0.0.0:0",
];

/** A word of the configuration that may hold spaces. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"$]/g, (sign) => `\\${sign}`)}"`;
}
