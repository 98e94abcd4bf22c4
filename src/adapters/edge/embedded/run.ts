import { asFault, Fault } from "../../../base/faults.ts";
import { inTurn } from "../../../base/serial.ts";
import { startTimeOf } from "../../../host/alive.ts";
import { replaceFile } from "../../../host/files.ts";
import type { Address } from "../../../model/instance.ts";
import type { FrontProxies, Route, RouteTable } from "../../../model/route.ts";
import { capacityOf, edgeDescriptors } from "../table/capacity.ts";
import { CertificateStore } from "../table/certificate-store.ts";
import { innerDoors } from "../table/inside.ts";
import { TableStore } from "../table/table-store.ts";
import { askHello } from "./admin-client.ts";
import { openAdmin } from "./admin-server.ts";
import { Admission } from "./admission.ts";
import { LiveCertificates } from "./certificates.ts";
import { Challenges } from "./challenges.ts";
import { Crowd } from "./crowd.ts";
import { openPlain, openSecure } from "./doors.ts";
import { checkSocketPath, embeddedFiles } from "./files.ts";
import { type Front, plainFront, secureFront } from "./front.ts";
import { LiveTables } from "./live.ts";
import { Records } from "./records.ts";
import { protocol } from "./settings.ts";

export interface RunningEdge {
  readonly listen: Address;
  readonly secure: Address | null;
  /** Stops gracefully; a second call changes nothing. */
  stop(): void;
  /** Settles when everything is closed. */
  readonly ended: Promise<void>;
}

export interface EdgeProgramOptions {
  readonly directory: string;
  /** Port 0: the port used last in this directory, or else a free one. */
  readonly listen: Address;
  /** Where it takes TLS, port 0 as above; null: nowhere. */
  readonly secure: Address | null;
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
export async function runEdge({ directory, listen, secure, proxies, log }: EdgeProgramOptions): Promise<RunningEdge> {
  const files = embeddedFiles(directory);
  checkSocketPath(files.socket);
  const store = new TableStore(files.tables);
  const tables = new LiveTables();
  const records = new Records();
  const admission = new Admission(tables, records, new Crowd(capacityOf(edgeDescriptors())));
  const certificates = new LiveCertificates();
  const challenges = new Challenges();
  const certificateStore = new CertificateStore(files.certificates);
  await loadTables({ store, tables, log });
  await loadCertificates({ store: certificateStore, certificates, log });
  const parts = { admission, certificates, challenges, proxies, log };
  const doors = await openDoors({ directory, listen, secure }, parts);
  const changes = new Changes({ store, tables, admission, doors, certificateStore, certificates });
  await doors.fit(tables.routes());
  const stopping = Promise.withResolvers<void>();
  const at = { listen: doors.listen, secure: doors.secure };
  const hello = () => ({ protocol, pid: process.pid, ...at, proxies: doors.believed() });
  // Before the first answer: anyone who knows that the edge runs must be able to find its process.
  await writeNote(directory, doors.listen);
  const admin = await openAdmin(files.socket, {
    tables,
    records,
    hello,
    believe: doors.believe,
    stop: stopping.resolve,
    apply: (table) => changes.apply(table),
    remove: (owner) => changes.remove(owner),
    applyCertificates: (given) => changes.applyCertificates(given),
    applyChallenges: (answers) => challenges.apply(answers),
  });
  log(`edge listens on ${told(doors)} with ${tables.owners().length} route tables, ${certificates.count} certificates`);
  const ended = stopping.promise.then(async () => {
    admin.close();
    await doors.close();
    admin.closeAllConnections();
    log("edge has stopped");
  });
  return { listen: doors.listen, secure: doors.secure, stop: stopping.resolve, ended };
}

interface Doors {
  readonly listen: Address;
  readonly secure: Address | null;
  readonly believed: () => FrontProxies;
  readonly believe: (proxies: FrontProxies) => void;
  /** Opens the additional ports of these routes, and closes unused ones: running requests there continue. */
  fit(routes: readonly Route[]): Promise<void>;
  close(): Promise<void>;
}

interface DoorParts {
  readonly admission: Admission;
  readonly certificates: LiveCertificates;
  readonly challenges: Challenges;
  readonly proxies: FrontProxies;
  readonly log: (line: string) => void;
}

type Places = Pick<EdgeProgramOptions, "directory" | "listen" | "secure">;

async function openDoors({ directory, listen, secure }: Places, parts: DoorParts): Promise<Doors> {
  const { admission, certificates, challenges, proxies } = parts;
  const plain = plainFront(admission, challenges);
  const tls = secure === null ? null : secureFront(admission, certificates);
  const fronts = new Set(tls === null ? [plain] : [plain, tls]);
  let believed = proxies;
  const believe = (now: FrontProxies) => {
    for (const front of fronts) front.believe(now);
    believed = now;
  };
  const close = async () => void (await Promise.all([...fronts].map((front) => front.end())));
  believe(proxies);
  const at = await openPlain(plain, directory, listen);
  const inner = new Map<string, Front>();
  const fit = async (routes: readonly Route[]) => {
    const wanted = innerDoors(routes, at.host);
    for (const [host, front] of inner) {
      if (wanted.includes(host)) continue;
      inner.delete(host);
      void front.close().then(() => fronts.delete(front));
    }
    for (const host of wanted) {
      if (inner.has(host)) continue;
      const front = plainFront(admission, challenges);
      try {
        await front.open({ host, port: at.port });
      } catch (thrown) {
        parts.log(`edge cannot listen on ${host}:${at.port} for internal services: ${asFault(thrown).detail}`);
        continue;
      }
      front.believe(believed);
      fronts.add(front);
      inner.set(host, front);
    }
  };
  const doors = { listen: at, believed: () => believed, believe, fit, close };
  if (tls === null || secure === null) return { ...doors, secure: null };
  try {
    const secureAt = await openSecure(tls, directory, secure);
    admission.door = certificates.door(secureAt.port);
    return { ...doors, secure: secureAt };
  } catch (thrown) {
    await plain.end();
    throw thrown;
  }
}

function told({ listen, secure }: Doors): string {
  const plain = `${listen.host}:${listen.port}`;
  return secure === null ? plain : `${plain}, for TLS on ${secure.host}:${secure.port},`;
}

interface Changing {
  readonly store: TableStore;
  readonly tables: LiveTables;
  readonly admission: Admission;
  readonly doors: Pick<Doors, "fit">;
  readonly certificateStore: CertificateStore;
  readonly certificates: LiveCertificates;
}

/** Changes of tables and certificates, one after another: checked, on disk, then served. */
class Changes {
  readonly #parts: Changing;
  readonly #next = inTurn();

  constructor(parts: Changing) {
    this.#parts = parts;
  }

  apply(table: RouteTable): Promise<void> {
    const { store, tables, admission, doors } = this.#parts;
    return this.#next(async () => {
      if (JSON.stringify(tables.get(table.owner)) === JSON.stringify(table)) return;
      tables.check(table);
      await store.save(table);
      tables.apply(table);
      await doors.fit(tables.routes());
      admission.changed(table.owner);
    });
  }

  remove(owner: string): Promise<void> {
    const { store, tables, admission, doors } = this.#parts;
    return this.#next(async () => {
      if (tables.get(owner) === null) return;
      await store.remove(owner);
      tables.remove(owner);
      await doors.fit(tables.routes());
      admission.changed(owner);
    });
  }

  applyCertificates(given: unknown): Promise<void> {
    const { certificateStore, certificates } = this.#parts;
    return this.#next(async () => {
      const served = certificates.check(given);
      await certificateStore.save(served);
      certificates.apply(served);
    });
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

/** A certificate that cannot be read any more costs its hosts TLS, and nothing else. */
async function loadCertificates(parts: {
  store: CertificateStore;
  certificates: LiveCertificates;
  log: (line: string) => void;
}): Promise<void> {
  const saved = await parts.store.load();
  try {
    parts.certificates.apply(parts.certificates.check(saved));
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const file = await parts.store.setAside();
    parts.log(`the certificates could not be used and were set aside as ${file}: ${thrown.detail}`);
  }
}

async function writeNote(directory: string, listen: Address): Promise<void> {
  const path = embeddedFiles(directory).process;
  const note = { pid: process.pid, startTime: startTimeOf(process.pid), ...listen };
  await replaceFile(path, JSON.stringify(note));
}

/** Whether an edge of this directory answers, which makes another one needless. */
export async function edgeAnswers(directory: string): Promise<boolean> {
  return (await askHello(embeddedFiles(directory).socket)) !== null;
}
