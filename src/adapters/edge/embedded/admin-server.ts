import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { asFault, Fault, faults } from "../../../base/faults.ts";
import type { Address } from "../../../model/instance.ts";
import type { FrontProxies, RouteTable } from "../../../model/route.ts";
import { checkTable } from "../table/validate.ts";
import type { LiveTables } from "./live.ts";
import type { Records } from "./records.ts";
import { embeddedSettings } from "./settings.ts";

/** The hello of the admin socket: read before any other request, so its format never changes. */
export interface Hello {
  readonly protocol: number;
  readonly pid: number;
  readonly listen: Address;
  /** The trusted proxies. */
  readonly proxies: FrontProxies;
  /** Where it takes TLS. */
  readonly secure: Address | null;
}

/** What the admin socket can ask of the edge. */
export interface AdminTarget {
  readonly tables: LiveTables;
  readonly records: Records;
  hello(): Hello;
  apply(table: RouteTable): Promise<void>;
  remove(owner: string): Promise<void>;
  believe(proxies: FrontProxies): void;
  /** Both take a JSON value that nobody checked yet. */
  applyCertificates(certificates: unknown): Promise<void>;
  applyChallenges(answers: unknown): void;
  stop(): void;
}

type Answer = { readonly status: number; readonly json?: unknown };
type Handler = (target: AdminTarget, call: { req: IncomingMessage; owner: string }) => Promise<Answer> | Answer;

/** Method and first part of the path; what follows it is an owner. */
const handlers: Readonly<Record<string, Handler>> = {
  "GET hello": (target) => ({ status: 200, json: target.hello() }),
  "GET state": ({ tables, records }, { owner }) => ({
    status: 200,
    json: { table: tables.get(owner), stats: tables.stats(owner), droppedRecords: records.dropped },
  }),
  "GET owners": ({ tables }) => ({ status: 200, json: tables.owners() }),
  "PUT tables": async (target, { req, owner }) => {
    const table = checkTable(await readJson(req));
    if (table.owner !== owner) throw new Fault("route.invalid", `The table of ${table.owner} was sent as another's.`);
    await target.apply(table);
    return { status: 204 };
  },
  "DELETE tables": async (target, { owner }) => {
    await target.remove(owner);
    return { status: 204 };
  },
  "PUT proxies": async (target, { req }) => {
    target.believe((await readJson(req)) as FrontProxies);
    return { status: 204 };
  },
  "PUT certificates": async (target, { req }) => {
    await target.applyCertificates(await readJson(req));
    return { status: 204 };
  },
  "PUT challenges": async (target, { req }) => {
    target.applyChallenges(await readJson(req));
    return { status: 204 };
  },
  "POST stop": (target) => {
    target.stop();
    return { status: 202 };
  },
};

/** Serves the admin socket, which only this user can open. A stale socket file is replaced. */
export async function openAdmin(path: string, target: AdminTarget): Promise<Server> {
  const server = createServer((req, res) => void answer(req, res, target));
  await rm(path, { force: true });
  server.listen(path);
  await once(server, "listening");
  await chmod(path, 0o600);
  return server;
}

async function answer(req: IncomingMessage, res: ServerResponse, target: AdminTarget): Promise<void> {
  const [, what = "", encodedOwner = ""] = (req.url ?? "").split("/");
  if (req.method === "GET" && (what === "records" || what === "watch")) return stream(res, what, target);
  try {
    const handler = handlers[`${req.method} ${what}`];
    if (handler === undefined) throw new Fault("path.unknown", "No such path at the edge.");
    const { status, json } = await handler(target, { req, owner: decodeURIComponent(encodedOwner) });
    res.writeHead(status, { "content-type": "application/json" });
    res.end(json === undefined ? undefined : JSON.stringify(json));
  } catch (thrown) {
    const fault = asFault(thrown);
    res.writeHead(faults[fault.code].status, { "content-type": "application/problem+json" });
    res.end(JSON.stringify({ ...fault.toRecord(), diagnostics: fault.diagnostics }));
  }
}

/** Stays open while both sides live: the listener's sign that the edge runs, and its access records if it wants them. */
function stream(res: ServerResponse, what: "records" | "watch", target: AdminTarget): void {
  res.writeHead(200, { "content-type": "application/x-ndjson" });
  res.flushHeaders();
  if (what === "records") res.once("close", target.records.listen(res));
}

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > embeddedSettings.tableBytes)
      throw new Fault("request.too-large", "The body is larger than the edge's limit of 8 MB.");
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (thrown) {
    throw new Fault("request.invalid", "The body sent to the edge is not JSON.", { cause: thrown });
  }
}
