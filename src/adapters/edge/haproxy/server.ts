import { Fault } from "../../../base/faults.ts";
import { readText } from "../../../host/files.ts";
import type { Address } from "../../../model/instance.ts";
import type { AccessRecord, FrontProxies, RouteTable } from "../../../model/route.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { EdgeCertificate, EdgeState } from "../../../ports/edge.ts";
import type { Capacity } from "../table/capacity.ts";
import { checkClaims } from "../table/claims.ts";
import { innerDoors } from "../table/inside.ts";
import { TableStore } from "../table/table-store.ts";
import { countsBodies } from "./bodies.ts";
import { absent, askCli, askWorkers, type Workers } from "./cli.ts";
import { configText, shapeOf } from "./config.ts";
import { checkConfig, writeServed } from "./disk.ts";
import { doorsOf, keptPort, movedPorts } from "./doors.ts";
import { type EdgeFiles, prepareDirectory, writeWhole } from "./files.ts";
import { emptyLayout, relaid, type SlotLayout, type SlotLease, without } from "./layout.ts";
import { luaProgram } from "./lua.ts";
import { pause } from "./pause.ts";
import { type MapEntry, policyEntries, policyKey } from "./policies.ts";
import type { Runner } from "./program.ts";
import type { RecordLine } from "./record.ts";
import { revived } from "./revive.ts";
import { earlierEntries, routeMap } from "./route-map.ts";
import { HaproxyRuntime } from "./runtime.ts";
import { ServedCertificates } from "./tls.ts";
import { Traffic } from "./traffic.ts";

export interface ServerOptions {
  readonly files: EdgeFiles;
  readonly runner: Runner;
  readonly listen: Address;
  readonly secure: Address | null;
  readonly proxies: FrontProxies;
  readonly threads: number;
  readonly capacity: Capacity;
  readonly user: { readonly uid: number; readonly gid: number } | null;
  readonly clock: Clock;
}

/** A start or reload on a busy machine. */
const startMs = 20_000;
/** Between two checks a starting HAProxy. */
const lookMs = 10;
/** A pool may be used again when its last request ended and this much time went by, as one may have been on its way there. */
const restMs = 2_000;
/** Routes that records may still name. */
const rememberedRoutes = 10_000;

/** What HAProxy is to serve, what it serves, and how it gets from one to the other. Its calls must not overlap. */
export class HaproxyServer {
  readonly #options: ServerOptions;
  readonly #store: TableStore;
  readonly #runtime: HaproxyRuntime;
  readonly #certificates: ServedCertificates;
  readonly #traffic = new Traffic();
  readonly #tables = new Map<string, RouteTable>();
  /** Every lease that a record may name. */
  readonly #leases = new Map<number, SlotLease>();
  readonly #routes = new Map<string, { readonly owner: string; readonly service: string }>();
  /** When a lease stopped being routed. */
  readonly #left = new Map<number, number>();
  #layout: SlotLayout = emptyLayout;
  #workers: Workers | null = null;
  #shape = "";
  #policies: readonly MapEntry[] = [];
  #version: readonly [number, number] | null = null;
  #port: number;
  #securePort: number;
  #loaded = false;
  /** Whom it becomes. */
  #user: ServerOptions["user"] = null;
  /** Called when another worker takes new connections. */
  replaced: (isIdle: () => Promise<boolean>) => void = () => undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#store = new TableStore(options.files.tables);
    this.#runtime = new HaproxyRuntime(options.files);
    this.#certificates = new ServedCertificates(options.files);
    this.#port = options.listen.port;
    this.#securePort = options.secure?.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  get securePort(): number {
    return this.#securePort;
  }

  owners(): readonly string[] {
    return [...this.#tables.keys()].sort();
  }

  async ensure(): Promise<void> {
    await this.load();
    this.#workers = await revived(this.#options, () => this.#askWorkers());
    if (this.#workers === null) return this.#start();
    const onDisk = await readText(this.#options.files.config);
    this.#shape = onDisk === null ? "" : shapeOf(onDisk);
    const wanted = this.#config(this.#layout, this.#tables);
    if (shapeOf(wanted) !== this.#shape) {
      const { files, clock } = this.#options;
      const moved = await movedPorts(doorsOf(this.#options), clock);
      await this.#check(wanted);
      this.#layout = this.#withRetired(this.#layout, this.#layout.next);
      await this.#write(wanted);
      await this.#reload(wanted);
      return writeWhole(files.directory, moved);
    }
    if ((await this.#runtime.serial()) !== String(this.#layout.serial)) {
      await this.#write(wanted);
      await this.#serveAll();
    }
    // Without a TLS address nothing in the configuration knows of certificates.
    if (this.#options.secure === null) return;
    const { secure } = this.#options.files;
    if ((await this.#runtime.serial(secure)) === this.#certificates.serial()) return;
    await this.#certificates.serve();
    await this.#runtime.replaceMap(secure, this.#certificates.hosts(this.#securePort));
  }

  /** Serves a checked table, whose hosts have these addresses. */
  async apply(table: RouteTable, ipOf: (host: string) => string): Promise<void> {
    const serves = await this.#runtime.serial();
    const same = JSON.stringify(this.#tables.get(table.owner)) === JSON.stringify(table);
    if (same && serves === String(this.#layout.serial)) return;
    checkClaims(table, this.#tables.values());
    await this.#retire();
    await this.#change(relaid(this.#layout, { owner: table.owner, table, ipOf }), table.owner, table);
    const { old = [] } = this.#workers ?? {};
    if (old.length > 0) await this.#runtime.setEntries(old, earlierEntries(table, this.#layout));
  }

  async remove(owner: string): Promise<void> {
    await this.#runtime.serial();
    if (!this.#tables.has(owner)) return;
    await this.#retire();
    await this.#change(relaid(this.#layout, { owner, table: null, ipOf: String }), owner, null);
  }

  /** Serves exactly these certificates. */
  async applyCertificates(certificates: readonly EdgeCertificate[]): Promise<void> {
    await this.#runtime.serial();
    await this.#certificates.apply(certificates, this.#securePort);
    await this.#runtime.replaceMap(this.#options.files.secure, this.#certificates.hosts(this.#securePort));
  }

  /** Answers exactly these tokens, until HAProxy ends. */
  async applyChallenges(answers: ReadonlyMap<string, string>): Promise<void> {
    const entries = [...answers].map(([key, value]) => ({ key, value }));
    await this.#runtime.replaceMap(this.#options.files.challenges, entries);
  }

  async observe(owner: string): Promise<EdgeState> {
    const own = this.#layout.leases.filter((lease) => lease.owner === owner);
    const serial = await this.#runtime.serial();
    const workers = await this.#count(own);
    const table = serial === String(this.#layout.serial) ? (this.#tables.get(owner) ?? null) : null;
    return { up: true, table, stats: this.#traffic.stats(own, workers) };
  }

  /** What a line of HAProxy's says happened; null when its route is forgotten. Counts its time. */
  recordOf(line: RecordLine): AccessRecord | null {
    const lease = this.#leases.get(line.lease);
    const seat = lease?.seats[line.slot ?? -1];
    const route = lease ?? this.#routes.get(line.policy);
    if (route === undefined) return null;
    if (seat !== undefined && line.answeredMs !== null) this.#traffic.answered(route.owner, seat.id, line.answeredMs);
    const { at, requestId, client, method, host, path, status, durationMs } = line;
    const { owner, service } = route;
    const release = seat?.release ?? null;
    const instance = seat?.id ?? null;
    return { at, owner, service, release, instance, requestId, client, method, host, path, status, durationMs };
  }

  /** Reads what is on disk, once. */
  async load(): Promise<void> {
    if (this.#loaded) return;
    const { files, runner, listen, secure } = this.#options;
    await prepareDirectory(files, doorsOf(this.#options));
    this.#version = await runner.version();
    if (await runner.canDrop()) this.#user = this.#options.user;
    this.#runtime.countsBodies = countsBodies(this.#version);
    const { tables } = await this.#store.load();
    const text = await readText(files.layout);
    // Tables alone are of another kind of edge: they are served once they are applied again.
    for (const table of text === null ? [] : tables) this.#tables.set(table.owner, table);
    if (text !== null) this.#layout = JSON.parse(text) as SlotLayout;
    if (listen.port === 0) this.#port = Number((await readText(files.port)) ?? 0);
    if (secure?.port === 0) this.#securePort = Number((await readText(files.securePort)) ?? 0);
    await this.#certificates.load();
    this.#remember();
    this.#policies = policyEntries([...this.#tables.values()]);
    this.#loaded = true;
  }

  /** From the tables on disk: requests that were finishing when HAProxy ended are lost. */
  async #start(): Promise<void> {
    const { files, runner, clock, listen, secure } = this.#options;
    const unrouted = new Set(this.#layout.leases.map(({ number }) => number));
    this.#layout = { ...without(this.#layout, unrouted), retired: [] };
    await runner.clear();
    this.#user = (await runner.canDrop()) ? this.#options.user : null;
    this.#port = await keptPort(files, { ...listen, port: this.#port, note: files.port }, clock);
    if (secure !== null) {
      this.#securePort = await keptPort(files, { ...secure, port: this.#securePort, note: files.securePort }, clock);
    }
    await this.#certificates.write(this.#securePort);
    const config = this.#config(this.#layout, this.#tables);
    await this.#check(config);
    await this.#write(config);
    const ended = await runner.start();
    const deadline = performance.now() + startMs;
    for (;;) {
      this.#workers = await this.#askWorkers();
      if (this.#workers !== null && (await this.#serial()) === String(this.#layout.serial)) break;
      const late = performance.now() > deadline;
      if (ended() || late) {
        const what = late ? "does not answer in time" : "ended while it started";
        throw new Fault("edge.unreachable", `HAProxy ${what}.`, { hint: `Read the last lines of ${runner.log}.` });
      }
      await pause(clock, lookMs);
    }
    this.#shape = shapeOf(config);
    await this.#note();
    this.replaced(async () => true);
  }

  /** First on disk, then served: served tables are restored after a crash at any moment. */
  async #change(next: SlotLayout, owner: string, table: RouteTable | null): Promise<void> {
    const tables = new Map(this.#tables);
    if (table === null) tables.delete(owner);
    else tables.set(owner, table);
    const config = this.#config(next, tables);
    const reshaped = shapeOf(config) !== this.#shape;
    if (reshaped) await this.#check(config);
    const firstFresh = this.#layout.next;
    const fresh = next.leases.filter(({ number }) => number >= firstFresh);
    const before = reshaped ? new Map() : await this.#runtime.counts(fresh);
    const gone = this.#layout.leases.filter(
      (lease) => lease.routed && !next.leases.some((one) => one.routed && one.number === lease.number),
    );
    for (const { number } of gone) this.#left.set(number, performance.now());
    if (table === null) await this.#store.remove(owner);
    else await this.#store.save(table);
    this.#layout = reshaped ? this.#withRetired(next, firstFresh) : next;
    if (table === null) this.#tables.delete(owner);
    else this.#tables.set(owner, table);
    this.#remember();
    await this.#write(config);
    if (reshaped) return this.#reload(config);
    for (const lease of fresh) this.#traffic.begin(lease, this.#current, before);
    const old = this.#policies;
    this.#policies = policyEntries([...tables.values()]);
    await Promise.all(fresh.map((lease) => this.#runtime.fill(lease)));
    await this.#addPolicies(old);
    await this.#runtime.replaceMap(this.#options.files.map, routeMap([...tables.values()], this.#layout));
    await this.#removePolicies(old);
  }

  /** The current worker is about to be replaced. */
  #withRetired(layout: SlotLayout, before: number): SlotLayout {
    const living = new Set(this.#workers?.old);
    const retired = layout.retired.filter(({ worker }) => living.has(worker));
    return { ...layout, retired: [...retired, { worker: this.#current, before }] };
  }

  async #addPolicies(old: readonly MapEntry[]): Promise<void> {
    const known = new Set(old.map(({ key }) => key));
    const added = this.#policies.filter(({ key }) => !known.has(key));
    await this.#runtime.addEntries(this.#options.files.policies, added);
  }

  async #removePolicies(old: readonly MapEntry[]): Promise<void> {
    const wanted = new Set(this.#policies.map(({ key }) => key));
    const gone = old.filter(({ key }) => !wanted.has(key)).map(({ key }) => key);
    await this.#runtime.removeEntries(this.#options.files.policies, gone);
  }

  /** Everything again, for one that serves something else than what is on disk. */
  async #serveAll(): Promise<void> {
    const { files } = this.#options;
    const tables = [...this.#tables.values()];
    const routed = this.#layout.leases.filter((lease) => lease.routed);
    for (const lease of routed) await this.#runtime.fill(lease);
    await this.#runtime.replaceMap(files.policies, policyEntries(tables));
    await this.#runtime.replaceMap(files.map, routeMap(tables, this.#layout));
  }

  async #reload(config: string): Promise<void> {
    const { files, runner, clock } = this.#options;
    const before = this.#current;
    await this.#count(this.#layout.leases);
    await askCli(files.master, "reload");
    const deadline = performance.now() + startMs;
    for (;;) {
      this.#workers = await this.#askWorkers();
      const fresh = this.#workers !== null && this.#workers.current !== before;
      if (fresh && (await this.#serial()) === String(this.#layout.serial)) break;
      if (performance.now() > deadline) {
        const hint = `Read the last lines of ${runner.log}.`;
        throw new Fault("edge.unreachable", "HAProxy did not apply its new configuration in time.", { hint });
      }
      await pause(clock, lookMs);
    }
    this.#shape = shapeOf(config);
    this.#policies = policyEntries([...this.#tables.values()]);
    this.replaced(() => this.#runtime.isIdle(before));
  }

  get #current(): number {
    return this.#workers?.current ?? 0;
  }

  /** Asks all workers what went through these leases, and gives back the workers there are. */
  async #count(leases: readonly SlotLease[]): Promise<readonly number[]> {
    if (this.#workers === null || this.#workers.old.length > 0) this.#workers = await this.#askWorkers();
    const { current = 0, old = [] } = this.#workers ?? {};
    const now = await this.#runtime.counts(leases);
    for (const lease of leases) this.#traffic.note(lease, current, now);
    for (const worker of old) {
      const before = this.#layout.retired.find((one) => one.worker === worker)?.before ?? 0;
      const known = leases.filter(({ number }) => number < before);
      const counts = await this.#runtime.counts(known, worker);
      for (const lease of known) this.#traffic.note(lease, worker, counts);
    }
    return [current, ...old];
  }

  /** Frees the pools of leases that have ended: asked right before, as a stream may have begun since the last look. */
  async #retire(): Promise<void> {
    const now = performance.now();
    const rested = this.#layout.leases.filter(
      ({ number, routed }) => !routed && now - (this.#left.get(number) ?? Number.NEGATIVE_INFINITY) > restMs,
    );
    if (rested.length === 0) return;
    const workers = await this.#count(rested);
    const ended = rested.filter((lease) => this.#traffic.active(lease, workers) === 0);
    for (const lease of ended) {
      this.#traffic.end(lease);
      this.#left.delete(lease.number);
    }
    this.#layout = without(this.#layout, new Set(ended.map(({ number }) => number)));
    for (const owner of new Set(ended.map((lease) => lease.owner))) this.#traffic.forget(owner, this.#layout.leases);
  }

  #remember(): void {
    for (const lease of this.#layout.leases) this.#leases.set(lease.number, lease);
    for (const number of this.#leases.keys()) {
      if (this.#leases.size <= rememberedRoutes) break;
      this.#leases.delete(number);
    }
    if (this.#routes.size > rememberedRoutes) this.#routes.clear();
    for (const { owner, routes } of this.#tables.values()) {
      for (const route of routes) this.#routes.set(policyKey(owner, route), { owner, service: route.service });
    }
  }

  #config(layout: SlotLayout, tables: ReadonlyMap<string, RouteTable>): string {
    const { files, threads, capacity, proxies, ...at } = this.#options;
    const version = this.#version ?? [2, 6];
    const listen = { ...at.listen, port: this.#port };
    const secure = at.secure === null ? null : { ...at.secure, port: this.#securePort };
    const doors = innerDoors(
      [...tables.values()].flatMap(({ routes }) => routes),
      listen.host,
    );
    return configText({ files, listen, doors, secure, proxies, threads, capacity, user: this.#user, version }, layout);
  }

  #check(config: string): Promise<void> {
    const { files, runner, proxies } = this.#options;
    return checkConfig({ files, runner, lua: luaProgram(files, proxies.trust) }, config);
  }

  #write(config: string): Promise<void> {
    const { files } = this.#options;
    return writeServed(files, { config, tables: [...this.#tables.values()], layout: this.#layout });
  }

  /** Its process id, for those who must find it. */
  async #note(): Promise<void> {
    const { files, runner } = this.#options;
    const pid = Number(/^(\d+)\s+master\s/m.exec(await askCli(files.master, "show proc"))?.[1]);
    const text = JSON.stringify(await runner.identify(pid));
    await writeWhole(files.directory, [{ path: files.process, text }]);
  }

  #askWorkers(): Promise<Workers | null> {
    return askWorkers(this.#options.files.master).catch(absent);
  }

  #serial(): Promise<string | null> {
    return this.#runtime.serial().catch(absent);
  }
}
