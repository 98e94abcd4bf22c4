import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { Fault, isErrno } from "../../../base/faults.ts";
import { startTimeOf } from "../../../host/alive.ts";
import type { FrontProxies, RouteTable } from "../../../model/route.ts";
import { TableStore } from "../table/table-store.ts";
import { askHello } from "./admin-client.ts";
import { openAdmin } from "./admin-server.ts";
import { Admission } from "./admission.ts";
import { checkSocketPath, edgeFiles } from "./files.ts";
import { Front, type Listen } from "./front.ts";
import { LiveTables } from "./live.ts";
import { Records } from "./records.ts";
import { protocol } from "./settings.ts";

export interface RunningEdge {
  readonly listen: Listen;
  /** Stops gracefully; a second call changes nothing. */
  stop(): void;
  /** Settles when everything is closed. */
  readonly ended: Promise<void>;
}

export interface EdgeOptions {
  readonly directory: string;
  /** Port 0: the port used last in this directory, or else a free one. */
  readonly listen: Listen;
  readonly proxies: FrontProxies;
  /** Takes one line about the edge itself; requests are not logged. */
  readonly log: (line: string) => void;
}

/**
 * The edge itself, in this process: loads the last good tables, opens the door and the admin socket. The door comes first,
 * because only one process can have its port: so two edges started at once end up as one. Faults: `listen.in-use` (also
 * when the other one is an edge of the same directory), `edge.unreachable`, `usage.invalid`. It does not make its
 * directory: one that was removed meanwhile wants no edge any more.
 */
export async function runEdge({ directory, listen, proxies, log }: EdgeOptions): Promise<RunningEdge> {
  const files = edgeFiles(directory);
  checkSocketPath(files.socket);
  const store = new TableStore(files.tables);
  const tables = new LiveTables();
  const records = new Records();
  const admission = new Admission(tables, records);
  await loadTables({ store, tables, log });
  const front = new Front(admission);
  let believed = proxies;
  front.believe(believed);
  const actual = await openFront(front, directory, listen);
  const changes = new Changes({ store, tables, admission });
  const stopping = Promise.withResolvers<void>();
  const hello = () => ({ protocol, pid: process.pid, listen: actual, proxies: believed });
  const believe = (proxies: FrontProxies) => {
    front.believe(proxies);
    believed = proxies;
  };
  const target = { tables, records, hello, believe, stop: stopping.resolve };
  // Before anybody can ask: who is told that the edge runs must be able to find its process.
  await writeNote(directory, actual);
  const admin = await openAdmin(files.socket, {
    ...target,
    apply: (table) => changes.apply(table),
    remove: (owner) => changes.remove(owner),
  });
  log(`edge listens on ${actual.host}:${actual.port} with ${tables.owners().length} route tables`);
  const ended = stopping.promise.then(async () => {
    admin.close();
    await front.close();
    admin.closeAllConnections();
    log("edge has stopped");
  });
  return { listen: actual, stop: stopping.resolve, ended };
}

/** Changes of tables, one after another: checked, on disk, then served. */
class Changes {
  readonly #parts: { store: TableStore; tables: LiveTables; admission: Admission };
  #last: Promise<void> = Promise.resolve();

  constructor(parts: { store: TableStore; tables: LiveTables; admission: Admission }) {
    this.#parts = parts;
  }

  apply(table: RouteTable): Promise<void> {
    const { store, tables, admission } = this.#parts;
    return this.#next(async () => {
      if (JSON.stringify(tables.get(table.owner)) === JSON.stringify(table)) return;
      tables.check(table);
      await store.save(table);
      tables.apply(table);
      admission.changed(table.owner);
    });
  }

  remove(owner: string): Promise<void> {
    const { store, tables, admission } = this.#parts;
    return this.#next(async () => {
      if (tables.get(owner) === null) return;
      await store.remove(owner);
      tables.remove(owner);
      admission.changed(owner);
    });
  }

  #next(change: () => Promise<void>): Promise<void> {
    const done = this.#last.then(change);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

async function loadTables(parts: { store: TableStore; tables: LiveTables; log: (line: string) => void }) {
  const { tables: good, damaged } = await parts.store.load();
  const aside = [...damaged];
  for (const table of good) {
    try {
      parts.tables.check(table);
      parts.tables.apply(table);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      aside.push(await parts.store.setAside(table.owner, thrown.detail));
    }
  }
  for (const { file, reason } of aside)
    parts.log(`a route table could not be used and was set aside as ${file}: ${reason}`);
}

async function openFront(front: Front, directory: string, { host, port }: Listen): Promise<Listen> {
  if (port !== 0) return openAt(front, { host, port });
  const remembered = await readPort(directory);
  if (remembered !== null) return openAt(front, { host, port: remembered });
  const actual = await openAt(front, { host, port });
  if (await claimPort(directory, actual.port)) return actual;
  throw new Fault("listen.in-use", "Another edge of this directory was started at the same time.");
}

async function openAt(front: Front, listen: Listen): Promise<Listen> {
  const where = `${listen.host}:${listen.port}`;
  try {
    return await front.open(listen);
  } catch (thrown) {
    if (isErrno(thrown, "EADDRINUSE")) {
      throw new Fault("listen.in-use", `Something else listens on ${where}.`, { cause: thrown });
    }
    if (!isErrno(thrown, "EACCES", "EADDRNOTAVAIL", "ENOTFOUND")) throw thrown;
    throw new Fault("edge.unreachable", `The edge may not listen on ${where}.`, {
      cause: thrown,
      hint: "Choose an address of this machine, and a port from 1024 on unless the program may use lower ones.",
    });
  }
}

async function readPort(directory: string): Promise<number | null> {
  try {
    const port = Number(await readFile(edgeFiles(directory).port, "utf8"));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return null;
    throw thrown;
  }
}

/** Writes down a port that was chosen freely; false when another edge did so first. A link appears whole and only once. */
async function claimPort(directory: string, port: number): Promise<boolean> {
  const { port: path } = edgeFiles(directory);
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, String(port), { mode: 0o600, flush: true });
  try {
    await link(fresh, path);
    return true;
  } catch (thrown) {
    if (isErrno(thrown, "EEXIST")) return false;
    throw thrown;
  } finally {
    await rm(fresh, { force: true });
  }
}

async function writeNote(directory: string, listen: Listen): Promise<void> {
  const path = edgeFiles(directory).process;
  const note = { pid: process.pid, startTime: await startTimeOf(process.pid), ...listen };
  await writeFile(`${path}.new`, JSON.stringify(note), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

/** Whether an edge of this directory answers, which makes another one needless. */
export async function edgeAnswers(directory: string): Promise<boolean> {
  return (await askHello(edgeFiles(directory).socket)) !== null;
}
