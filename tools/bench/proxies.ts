import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { embeddedEdge } from "../../src/adapters/edge/embedded/embedded-edge.ts";
import { askWorkers } from "../../src/adapters/edge/haproxy/cli.ts";
import { haproxyFiles } from "../../src/adapters/edge/haproxy/files.ts";
import { haproxyEdge } from "../../src/adapters/edge/haproxy/haproxy-edge.ts";
import { stopHaproxy } from "../../src/adapters/edge/haproxy/stop.ts";
import { systemClock } from "../../src/main/clock.ts";
import { memoryVariables, nodeFlags } from "../../src/main/node-flags.ts";
import { plainRules } from "../../src/model/release.ts";
import { noFrontProxies, type RouteTable, routeTable } from "../../src/model/route.ts";
import type { Installation } from "./installation.ts";
import { host } from "./load.ts";
import { find, freePort, type Program, plainEnvironment, startProgram, until } from "./programs.ts";

/** A proxy that is put under load, with the process that does its work. */
export interface LoadedProxy {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
}

export async function startEmbedded(home: string, installation: Installation, upstream: number): Promise<LoadedProxy> {
  const directory = join(home, "edge");
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const listen = { host: "127.0.0.1", port };
  const command = [
    process.execPath,
    ...nodeFlags,
    installation.edge,
    "--directory",
    directory,
    "--host",
    listen.host,
  ] as const;
  const program = await startProgram([...command, "--port", String(port)], port, memoryVariables);
  const edge = embeddedEdge({
    directory,
    listen,
    secure: null,
    entry: command,
    env: plainEnvironment,
    clock: systemClock,
  });
  await until(async () => (await edge.observe("bench/production")).up, "the edge's admin socket answers");
  await edge.apply(tableTo(upstream));
  await edge.close();
  return { name: "embedded", port, program };
}

export async function startBare(_home: string, upstream: number): Promise<LoadedProxy> {
  const port = await freePort();
  return { name: "bare", port, program: await startScript("bare-proxy.ts", port, upstream) };
}

function tableTo(upstream: number): RouteTable {
  const upstreams = [{ id: "web-1", release: 1, host: "127.0.0.1", port: upstream, weight: 1 }];
  const route = { service: "web", hosts: [host], upstreams, holdMs: null, inside: null, maintenance: null };
  return routeTable("bench/production", [{ ...plainRules, ...route }]);
}

/** HAProxy as Fairlead runs it, with one thread. */
export async function startHaproxyEdge(home: string, upstream: number): Promise<LoadedProxy> {
  const directory = join(home, "haproxy-edge");
  const port = await freePort();
  const edge = haproxyEdge({
    directory,
    listen: { host: "127.0.0.1", port },
    secure: null,
    proxies: noFrontProxies,
    run: { program: find("haproxy") ?? "haproxy", env: plainEnvironment },
    threads: 1,
    clock: systemClock,
  });
  await edge.ensure();
  await edge.apply(tableTo(upstream));
  await edge.close();
  const workers = await askWorkers(haproxyFiles(directory).master);
  return { name: "edge", port, program: { pid: workers?.current ?? 0, stop: () => stopHaproxy(directory) } };
}

/** nginx configured by hand, as one process; null when it is not installed. */
export async function startNginx(home: string, upstream: number): Promise<LoadedProxy | null> {
  const nginx = find("nginx");
  if (nginx === null) return null;
  const port = await freePort();
  const file = join(home, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (one) => `${one}_temp_path ${home}/${one};`,
  );
  const config = [
    `daemon off; master_process off; pid ${home}/nginx.pid; error_log stderr;`,
    "events { worker_connections 4096; }",
    `http { access_log off; tcp_nodelay on; keepalive_requests 1000000000; ${temporary.join(" ")}`,
    `upstream app { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 1000000000; }`,
    `server { listen 127.0.0.1:${port}; server_name ${host}; location / { proxy_pass http://app;`,
    'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;',
    "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Request-Id $request_id; } } }",
  ];
  writeFileSync(file, config.join("\n"));
  return { name: "nginx", port, program: await startProgram([nginx, "-p", home, "-c", file], port) };
}

/** HAProxy configured by hand, with one thread; null when it is not installed. */
export async function startHaproxy(home: string, upstream: number): Promise<LoadedProxy | null> {
  const haproxy = find("haproxy");
  if (haproxy === null) return null;
  const port = await freePort();
  const file = join(home, "haproxy.cfg");
  const config = [
    "global\n  nbthread 1\n  maxconn 4096",
    "defaults\n  mode http\n  option http-no-delay\n  option forwardfor\n  http-reuse always",
    "  timeout connect 2s\n  timeout client 60s\n  timeout server 60s",
    `frontend in\n  bind 127.0.0.1:${port}\n  unique-id-format %[uuid]\n  unique-id-header x-request-id`,
    `  use_backend app if { req.hdr(host) -m beg ${host} }`,
    `backend app\n  server web-1 127.0.0.1:${upstream}\n`,
  ];
  writeFileSync(file, config.join("\n"));
  return { name: "haproxy", port, program: await startProgram([haproxy, "-db", "-f", file], port) };
}

/**
 * HAProxy configured by hand to do for one route all that Fairlead's own does, in HAProxy's plainest words, with one
 * thread; null when it is not installed. What separates it from the one above are duties, from Fairlead's the mechanism:
 * many routes, changed while they serve.
 */
export async function startHaproxyDuties(home: string, upstream: number): Promise<LoadedProxy | null> {
  const haproxy = find("haproxy");
  if (haproxy === null) return null;
  const port = await freePort();
  const file = join(home, "haproxy-duties.cfg");
  const claims = "forwarded|x[-_]real[-_]ip|x[-_]forwarded[-_].*|x[-_]request[-_]id";
  const hops = "keep-alive|proxy-connection|proxy-authenticate|te|trailer";
  const config = [
    "global\n  nbthread 1\n  maxconn 4096\n  tune.bufsize 32768\n  tune.http.maxhdr 256",
    "ring records\n  format raw\n  maxlen 4096\n  size 8388608",
    "defaults\n  mode http\n  log ring@records len 4096 format raw local0\n  option http-no-delay\n  option abortonclose",
    "  timeout connect 2s\n  timeout client 300s\n  timeout http-request 10s\n  timeout http-keep-alive 75s\n  timeout server 60s",
    `frontend in\n  bind 127.0.0.1:${port}\n  compression algo gzip\n  compression type text/html text/css text/javascript application/json image/svg+xml`,
    '  log-format "%s %[var(txn.id)] %ci %HM %[var(txn.host)] %ST %[date(0,us)] %[var(txn.answered)] %ts %[var(txn.began)] %HPO"',
    "  http-request set-var(txn.began) date(0,us)\n  http-request set-var(txn.id) req.fhdr(x-request-id)",
    "  http-request set-var(txn.id) uuid unless { var(txn.id) -m reg '^[A-Za-z0-9._-]{1,128}$' }",
    "  http-request deny deny_status 400 unless { req.hdr_cnt(host) eq 1 }",
    "  http-request deny deny_status 400 if { req.hdrs -m reg '\\x00' }",
    "  http-request deny deny_status 400 if { req.fhdr(transfer-encoding) -m found } !{ req.fhdr(transfer-encoding) -m str -i chunked }",
    "  http-request deny deny_status 400 if { req.hdrs,length gt 16384 }",
    "  http-request deny deny_status 413 if { req.body_size gt 10485760 }",
    "  http-request set-var(txn.host) req.hdr(host),lower,host_only",
    `  http-request del-header '^(${claims}|${hops}|proxy-authorization|http2-settings)$' -m reg`,
    "  http-request add-header x-forwarded-for %[src]\n  http-request add-header x-real-ip %[src]",
    "  http-request add-header x-forwarded-proto http\n  http-request add-header x-forwarded-host %[req.hdr(host)]",
    "  http-request add-header x-forwarded-port %[dst_port]\n  http-request add-header x-request-id %[var(txn.id)]",
    `  http-response set-var(txn.answered) date(0,us)\n  http-response del-header '^(${hops})$' -m reg`,
    "  http-after-response set-header x-request-id %[var(txn.id)]",
    `  use_backend app if { var(txn.host) -m str ${host} }`,
    `backend app\n  retries 2\n  option redispatch 1\n  server web-1 127.0.0.1:${upstream}\n`,
  ];
  writeFileSync(file, config.join("\n"));
  return { name: "duties", port, program: await startProgram([haproxy, "-db", "-f", file], port) };
}

export function startScript(name: string, port: number, ...more: readonly number[]): Promise<Program> {
  return startProgram([process.execPath, join(import.meta.dirname, name), ...[port, ...more].map(String)], port);
}
