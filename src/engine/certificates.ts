import { asFault, Fault } from "../base/faults.ts";
import { Serial } from "../base/serial.ts";
import { covers, type Domain, type DomainFinding, type HeldCertificate } from "../model/certificate.ts";
import { type EnvKey, keyText, parseKey } from "../model/environment.ts";
import type { EventKind } from "../model/event.ts";
import {
  type CertificateOrder,
  type CertificateSnapshot,
  domainsOf,
  planCertificates,
  servedHosts,
  type WantedRoute,
} from "../plan/certificates.ts";
import type {
  CertificateAuthority,
  CertificatePair,
  CertificateVault,
  DomainProber,
  Publish,
} from "../ports/certificates.ts";
import type { SteadyClock } from "../ports/clock.ts";
import type { ChallengeAnswer, Edge } from "../ports/edge.ts";
import type { Journal } from "../ports/journal.ts";
import type { Certificates, EngineLog } from "./engine.ts";
import { HostRecords } from "./host-records.ts";
import { type ReconcileOutcome, Reconciler } from "./reconciler.ts";

export interface CertificateDeps {
  readonly vault: CertificateVault;
  readonly prober: DomainProber;
  readonly authorities: {
    readonly local: CertificateAuthority;
    /** Null: no external authority is used. */
    readonly acme: CertificateAuthority | null;
    /** Tried first for a host without a certificate; null: the real authority at once. */
    readonly staging: CertificateAuthority | null;
  };
  readonly journal: Journal;
  readonly edge: Edge;
  readonly clock: SteadyClock;
  readonly log: EngineLog;
}

/** Longest time between two looks, because clocks jump. */
const longestMs = 6 * 3_600_000;
/** Delay after a change: a deployment commits a dozen times. */
const settleMs = 250;
/** Shortest time between two unrequested looks. */
const shortestMs = 1_000;
/** Delay after a fault, and when a look did not finish. */
const retryMs = 60_000;
/** Rounds of one look; hosts of a failed order wait, so few are needed. */
const rounds = 20;

/** Keeps certificates for every served host: plans, requests, passes to the edge, and looks again. */
export class CertificateKeeper implements Certificates {
  readonly #deps: CertificateDeps;
  readonly #records: HostRecords;
  /** One key: each look covers all certificates. */
  readonly #reconciler: Reconciler<"certificates">;
  /** Transfers to the edge, one after the other. */
  readonly #handing = new Serial();
  /** Answers to authorities by who published them: an order and a check go on in parallel. */
  readonly #published = new Map<symbol, readonly ChallengeAnswer[]>();
  #served: readonly { readonly hosts: readonly string[] }[] = [];
  #applied: ReadonlySet<string> = new Set();
  #stops: (() => void)[] = [];
  /** Routes by owner, from the last plan; those of `#stale` owners are read again, or all if it is null. */
  readonly #routes = new Map<string, readonly WantedRoute[]>();
  #stale: Set<string> | null = null;
  readonly #ending = new AbortController();

  constructor(deps: CertificateDeps) {
    this.#deps = deps;
    this.#records = new HostRecords(deps.vault, deps.clock);
    this.#reconciler = new Reconciler({
      clock: deps.clock,
      nameOf: (key) => key,
      reconcile: () => this.#reconcile(),
      retryAfterMs: () => retryMs,
      warn: (_key, fault) => this.#warn(fault),
    });
  }

  /** Passes the stored certificates to the edge, then looks periodically. */
  async start(): Promise<void> {
    const { journal, edge } = this.#deps;
    await this.#apply().catch((thrown: unknown) => this.#warn(thrown));
    this.#stops = [journal.committed((keys) => this.#routesMayDiffer(keys)), edge.changes(() => this.#edgeChanged())];
    this.#look();
  }

  /**
   * Returns when nothing more is written or passed to the edge. It does not wait for a running order or outside check:
   * their results are discarded.
   */
  async stop(): Promise<void> {
    this.#ending.abort();
    for (const stop of this.#stops) stop();
    await this.#reconciler.close();
    await this.#handing.idle();
  }

  get #stopped(): boolean {
    return this.#ending.signal.aborted;
  }

  has(host: string): boolean {
    return this.#deps.edge.secureAddress() !== null && this.#served.some((one) => covers(one, host));
  }

  async domains(): Promise<readonly Domain[]> {
    const s = await this.#snapshot(await this.#routesOf(await this.#deps.edge.owners()));
    // Certificates that the edge does not have yet serve nobody.
    return domainsOf({ ...s, held: s.held.filter((one) => this.#applied.has(identity(one))) });
  }

  async add(pair: CertificatePair, hosts: readonly string[]): Promise<void> {
    const { vault } = this.#deps;
    await vault.save(vault.read(pair, { source: "own", hosts }));
    await this.#changed();
  }

  async selfSign(host: string): Promise<void> {
    const { vault, authorities } = this.#deps;
    const pair = await authorities.local.issue([host], async () => undefined, this.#ending.signal);
    await vault.save(vault.read(pair, { source: "self-signed", hosts: [host] }));
    await this.#changed();
  }

  async remove(host: string): Promise<void> {
    const { vault } = this.#deps;
    const mine = (await vault.list()).filter(({ held }) => held.hosts.length === 1 && held.hosts[0] === host);
    if (mine.length === 0) throw new Fault("certificate.unknown", `There is no certificate for exactly ${host}.`);
    for (const { held } of mine) await vault.remove(held.id);
    await this.#changed();
  }

  check(host: string): Promise<DomainFinding> {
    return this.#preflight(host);
  }

  async retry(host: string): Promise<void> {
    await this.#records.cleared([host]);
    this.#stale = null;
    this.#look();
  }

  async #changed(): Promise<void> {
    await this.#apply();
    this.#look();
  }

  /** An environment changed, and perhaps its served routes. */
  #routesMayDiffer(keys: readonly EnvKey[]): void {
    if (this.#deps.edge.secureAddress() === null) return;
    for (const key of keys) this.#stale?.add(keyText(key));
    this.#look(settleMs);
  }

  /** The edge starts from its own disk; it now gets what it missed while it was down. */
  #edgeChanged(): void {
    this.#stale = null;
    void this.#apply()
      .then(() => this.#look())
      .catch((thrown: unknown) => this.#warn(thrown));
  }

  #look(withinMs: number | null = null): void {
    this.#reconciler.trigger("certificates", withinMs);
  }

  /** Executes plans until one is empty. */
  async #reconcile(): Promise<ReconcileOutcome> {
    for (let round = 0; round < rounds && !this.#stopped; round += 1) {
      const plan = planCertificates(await this.#observe());
      for (const id of plan.drop) await this.#deps.vault.remove(id);
      if (plan.drop.length > 0) await this.#apply();
      if (plan.orders.length === 0) return { kind: "again", afterMs: this.#waitUntil(plan.lookAgainAt) };
      for (const order of plan.orders) if (!this.#stopped) await this.#order(order);
    }
    return { kind: "again", afterMs: retryMs };
  }

  #waitUntil(at: number | null): number {
    return Math.min(longestMs, Math.max(shortestMs, (at ?? Number.POSITIVE_INFINITY) - this.#deps.clock.now()));
  }

  async #observe(): Promise<CertificateSnapshot> {
    await this.#lookAtRoutes();
    return this.#snapshot([...this.#routes.values()].flat());
  }

  async #snapshot(routes: readonly WantedRoute[]): Promise<CertificateSnapshot> {
    const { vault, edge, clock, authorities } = this.#deps;
    const acme = authorities.acme === null ? "none" : authorities.staging === null ? "direct" : "rehearsed";
    const held = (await vault.list()).map((one) => one.held);
    const tls = edge.secureAddress() !== null;
    return { now: clock.now(), tls, routes, held, records: await vault.records(), acme };
  }

  /** Only owners whose routes may differ: with hundreds of environments, reading all takes a while. */
  async #lookAtRoutes(): Promise<void> {
    const stale = this.#stale;
    this.#stale = new Set();
    try {
      const owners = stale ?? (await this.#deps.edge.owners());
      if (stale === null) this.#routes.clear();
      for (const owner of owners) this.#routes.set(owner, await this.#routesOf([owner]));
    } catch (thrown) {
      this.#stale = null;
      throw thrown;
    }
  }

  async #routesOf(owners: readonly string[]): Promise<readonly WantedRoute[]> {
    const routes: WantedRoute[] = [];
    for (const owner of owners) {
      const key = parseKey(owner);
      if (key === null) continue;
      const { up, table } = await this.#deps.edge.observe(owner);
      if (!up) throw new Fault("edge.unreachable", "The edge does not answer.");
      routes.push(...(table?.routes ?? []).map(({ service, hosts }) => ({ key, service, hosts })));
    }
    return routes;
  }

  /** One order from its preflight to the edge. A failure is recorded and makes its hosts wait. */
  async #order(order: CertificateOrder): Promise<void> {
    const hosts = order.from === "local" ? order.hosts : await this.#preflighted(order);
    if (hosts.length === 0) return;
    const { vault, authorities } = this.#deps;
    const authority = authorities[order.from];
    if (authority === null) return;
    try {
      await this.#records.begun(hosts);
      const { signal } = this.#ending;
      const pair = await unlessEnded(authority.issue(hosts, this.#publisher(), signal), signal);
      if (order.from === "staging") return await this.#records.cleared(hosts, { rehearsed: true });
      const source = order.from === "local" ? "self-signed" : "acme";
      const stored = vault.read(pair, { source, hosts });
      await vault.save(stored);
      await this.#apply();
      await this.#records.cleared(hosts);
      const until = new Date(stored.held.until).toISOString().slice(0, 10);
      const detail = `${hosts.join(", ")}: by ${stored.held.issuer}, serial ${stored.held.serial}, until ${until}`;
      await this.#tell(order, order.renews ? "certificate.renewed" : "certificate.issued", detail);
    } catch (thrown) {
      await this.#failed(order, hosts, asFault(thrown));
    }
  }

  /** The hosts that an authority could reach. The others are not requested, so that its rate limits are not used up. */
  async #preflighted(order: CertificateOrder): Promise<readonly string[]> {
    const good: string[] = [];
    for (const host of order.hosts) {
      const { fault } = await this.#preflight(host);
      if (fault === null) good.push(host);
      else await this.#failed(order, [host], new Fault(fault.code, fault.detail, { hint: fault.hint }));
    }
    return good;
  }

  #preflight(host: string): Promise<DomainFinding> {
    const { signal } = this.#ending;
    return unlessEnded(this.#deps.prober.look(host, this.#publisher()), signal);
  }

  /** A separate slot among the answers published at the edge. */
  #publisher(): Publish {
    const mine = Symbol("published");
    return async (answers) => {
      if (this.#stopped) return;
      if (answers.length === 0) this.#published.delete(mine);
      else this.#published.set(mine, answers);
      await this.#deps.edge.applyChallenges([...this.#published.values()].flat());
    };
  }

  async #failed(order: CertificateOrder, hosts: readonly string[], fault: Fault): Promise<void> {
    if (this.#stopped) return;
    const named = hosts.filter((host) => fault.diagnostics.some(({ path }) => path === host));
    const blamed = named.length > 0 ? named : hosts;
    await this.#records.failed(blamed, fault.toRecord());
    // The other hosts are requested again without them.
    await this.#records.cleared(hosts.filter((host) => !blamed.includes(host)));
    await this.#tell(order, "certificate.failed", `${blamed.join(", ")}: ${fault.code}: ${fault.detail}`);
    this.#warn(fault);
  }

  async #tell({ key }: CertificateOrder, kind: EventKind, detail: string): Promise<void> {
    const { journal, clock } = this.#deps;
    const event = { at: clock.now(), key, kind, deployment: null, subject: null, detail };
    await journal.commit([{ kind: "event", event }]);
  }

  /** Passes exactly the current certificates to the edge, one transfer after another. */
  #apply(): Promise<void> {
    return this.#handing.run("edge", async () => {
      const { vault, edge, clock } = this.#deps;
      const all = await vault.list();
      const served = servedHosts(
        all.map((one) => one.held),
        clock.now(),
      );
      const certificates = all
        .map(({ held, chain, key }) => ({ hosts: served.get(held.id) ?? [], chain, key }))
        .filter(({ hosts }) => hosts.length > 0);
      if (edge.secureAddress() !== null) {
        await edge.applyCertificates(certificates);
        this.#served = certificates.map(({ hosts }) => ({ hosts }));
      }
      this.#applied = new Set(all.map((one) => identity(one.held)));
    });
  }

  #warn(thrown: unknown): void {
    if (this.#stopped) return;
    const { code, detail, cause } = asFault(thrown);
    this.#deps.log.warn({ code, cause }, detail);
  }
}

/** The result of the work, or a rejection as soon as the signal fires. */
function unlessEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(new Fault("operation.failed", "the controller is stopping"));
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}

/** One certificate, as against the next one with its id. */
function identity({ id, serial }: HeldCertificate): string {
  return `${id} ${serial}`;
}
