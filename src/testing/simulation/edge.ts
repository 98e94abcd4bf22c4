import { Fault } from "../../base/faults.ts";
import type { AccessRecord, Route, RouteTable, UpstreamStats } from "../../model/route.ts";
import type { ChallengeAnswer, Edge, EdgeAnswer, EdgeCertificate, EdgeState } from "../../ports/edge.ts";
import type { SimulatedClock } from "./clock.ts";
import type { Process, SimulatedRuntime } from "./runtime.ts";

export interface SimulatedEdgeOptions {
  readonly clock: SimulatedClock;
  readonly runtime: SimulatedRuntime;
  /** Told at once. `byItself`: nobody asked for it. */
  readonly happened: (event: {
    readonly what: "applied" | "removed" | "down" | "up";
    readonly byItself: boolean;
  }) => void;
}

/** A reverse proxy that exists only in memory; its tables outlive it, as on a disk. */
export class SimulatedEdge implements Edge {
  readonly #options: SimulatedEdgeOptions;
  readonly #tables = new Map<string, RouteTable>();
  readonly #stats = new Map<string, UpstreamStats>();
  readonly #listeners = new Set<() => void>();
  /** What it serves over TLS; outlives it as its tables do. */
  certificates: readonly EdgeCertificate[] = [];
  /** What it answers certificate authorities; gone with it. */
  challenges: readonly ChallengeAnswer[] = [];
  #turn = 0;
  #up = false;
  /** It takes no table until then, in elapsed time. */
  #refusesUntil = 0;
  /** It cannot be started until then, in elapsed time. */
  #downUntil = 0;

  constructor(options: SimulatedEdgeOptions) {
    this.#options = options;
  }

  async ensure(): Promise<void> {
    if (this.#up) return;
    if (this.#options.clock.elapsed < this.#downUntil) throw new Fault("edge.unreachable", "the edge does not start");
    this.#up = true;
    this.#options.happened({ what: "up", byItself: false });
    this.#report();
  }

  async observe(owner: string): Promise<EdgeState> {
    if (!this.#up) return { up: false, table: null, stats: {} };
    const prefix = `fl-${owner.replace("/", "-")}-`;
    const stats = [...this.#stats].filter(([id]) => id.startsWith(prefix));
    const current = stats.map(([id, one]) => [id, { ...one, active: this.#activeOf(id) }]);
    return { up: true, table: this.#tables.get(owner) ?? null, stats: Object.fromEntries(current) };
  }

  async apply(table: RouteTable): Promise<void> {
    this.#refuseWhenUnable();
    for (const [owner, other] of this.#tables) {
      if (owner === table.owner) continue;
      const taken = new Set(other.routes.flatMap((route) => route.hosts));
      const host = table.routes.flatMap((route) => route.hosts).find((one) => taken.has(one));
      if (host !== undefined) throw new Fault("route.host-taken", `${host} belongs to ${owner}`);
    }
    this.#tables.set(table.owner, table);
    for (const upstream of table.routes.flatMap((route) => route.upstreams)) {
      if (!this.#stats.has(upstream.id)) this.#stats.set(upstream.id, untouched);
    }
    this.#options.happened({ what: "applied", byItself: false });
  }

  async remove(owner: string): Promise<void> {
    this.#refuseWhenUnable();
    this.#tables.delete(owner);
    this.#options.happened({ what: "removed", byItself: false });
  }

  async owners(): Promise<readonly string[]> {
    return [...this.#tables.keys()];
  }

  records(_listener: (records: readonly AccessRecord[]) => void): () => void {
    return () => {};
  }

  changes(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  answer(): EdgeAnswer {
    return { answers: this.#up, since: null, detail: this.#up ? null : "the edge is away" };
  }

  address(): { readonly host: string; readonly port: number } {
    return { host: "127.0.0.1", port: 8080 };
  }

  secureAddress(): { readonly host: string; readonly port: number } {
    return { host: "127.0.0.1", port: 8443 };
  }

  async applyCertificates(certificates: readonly EdgeCertificate[]): Promise<void> {
    this.#refuseWhenUnable();
    const hosts = certificates.flatMap((one) => one.hosts);
    if (new Set(hosts).size < hosts.length) throw new Fault("certificate.invalid", "a host is named twice");
    this.certificates = certificates;
  }

  async applyChallenges(answers: readonly ChallengeAnswer[]): Promise<void> {
    this.#refuseWhenUnable();
    this.challenges = answers;
  }

  async close(): Promise<void> {}

  get up(): boolean {
    return this.#up;
  }

  table(owner: string): RouteTable | null {
    return this.#tables.get(owner) ?? null;
  }

  /** It dies with all that it carries, and cannot be started again for a while. What it counted is gone. */
  die(forMs: number): void {
    this.#up = false;
    this.#downUntil = this.#options.clock.elapsed + forMs;
    this.#stats.clear();
    this.challenges = [];
    for (const process of this.#options.runtime.processes.values()) process.busyUntil = 0;
    this.#options.happened({ what: "down", byItself: true });
    this.#report();
  }

  /** It takes no table for a while, for a reason that goes away. */
  refuse(forMs: number): void {
    this.#refusesUntil = this.#options.clock.elapsed + forMs;
  }

  /** One client's request to every route of every owner, each to one of its upstreams in turn. */
  visit(): void {
    if (!this.#up) return;
    this.#turn += 1;
    for (const table of this.#tables.values()) {
      for (const route of table.routes) this.#visitRoute(route);
    }
  }

  #visitRoute(route: Route): void {
    if (route.maintenance !== null) return;
    const upstream = route.upstreams[this.#turn % Math.max(1, route.upstreams.length)];
    if (!upstream) return;
    const process = this.#options.runtime.processes.get(upstream.id);
    const isGood = process !== undefined && this.#options.runtime.isWell(process) && !process.behaviour.fails;
    const before = this.#stats.get(upstream.id) ?? untouched;
    const failures = before.failures + (isGood ? 0 : 1);
    this.#stats.set(upstream.id, { ...before, requests: before.requests + 1, failures });
    if (process && isGood) this.#occupy(process);
  }

  #occupy(process: Process): void {
    process.busyUntil = Math.max(process.busyUntil, this.#options.clock.elapsed + process.behaviour.requestMs);
  }

  #activeOf(id: string): number {
    const process = this.#options.runtime.processes.get(id);
    return process && !process.exit && process.busyUntil > this.#options.clock.elapsed ? 1 : 0;
  }

  #refuseWhenUnable(): void {
    if (!this.#up) throw new Fault("edge.unreachable", "the edge does not answer");
    if (this.#options.clock.elapsed < this.#refusesUntil)
      throw new Fault("operation.failed", "the edge is out of sorts");
  }

  #report(): void {
    this.#options.clock.after(5, () => {
      for (const listener of this.#listeners) listener();
    });
  }
}

const untouched: UpstreamStats = { active: 0, requests: 0, failures: 0, p95Ms: 20 };
