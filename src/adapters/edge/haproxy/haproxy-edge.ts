import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { Fault } from "../../../base/faults.ts";
import { inTurn } from "../../../base/serial.ts";
import { noteInLog } from "../../../host/files.ts";
import type { Address } from "../../../model/instance.ts";
import { askMs } from "../../../model/pulse.ts";
import type { AccessRecord, FrontProxies, RouteTable } from "../../../model/route.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { ChallengeAnswer, Edge, EdgeAnswer, EdgeCertificate, EdgeState } from "../../../ports/edge.ts";
import { observed } from "../table/away.ts";
import { capacityOf, edgeDescriptors } from "../table/capacity.ts";
import { checkChallenges } from "../table/challenges.ts";
import { Heartbeat } from "../table/heartbeat.ts";
import { checkTable } from "../table/validate.ts";
import { askCli } from "./cli.ts";
import { containerDescriptors, containerRunner, type HaproxyContainerOptions } from "./container.ts";
import { type EdgeFiles, haproxyFiles } from "./files.ts";
import { RecordFollower } from "./follow.ts";
import { type ProgramOptions, programRunner, type Runner } from "./program.ts";
import { HaproxyServer } from "./server.ts";

export interface HaproxyEdgeOptions {
  /** Holds its sockets, its tables, its configuration and its log. */
  readonly directory: string;
  /** Port 0: the edge chooses one and keeps it over restarts. */
  readonly listen: Address;
  /** Where it takes TLS; null: nowhere. */
  readonly secure: Address | null;
  readonly proxies: FrontProxies;
  /** As a program of this machine, or in a container. */
  readonly run: ProgramOptions | HaproxyContainerOptions;
  /** Descriptors that HAProxy may have; default: as many as this process. */
  readonly descriptors?: number;
  /** Threads of HAProxy; by default one a core, at most 4. */
  readonly threads?: number;
  /** Whom its worker becomes after root has started it; a container of a previous version cannot. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly clock: Clock;
}

/** More than one machine's edge makes use of. */
const usualThreads = 4;

/**
 * HAProxy as the edge, detached from the controller and taken over by the next one. What is routed where is in a map that
 * is replaced in one instant; upstreams come into a pool of empty slots before it points there and leave it when their
 * last request has ended. See `Edge` for what each method promises.
 */
export function haproxyEdge(options: HaproxyEdgeOptions): Edge {
  return new HaproxyEdge(options);
}

class HaproxyEdge implements Edge {
  readonly #server: HaproxyServer;
  readonly #follower: RecordFollower;
  readonly #heartbeat: Heartbeat;
  readonly #runner: Runner;
  readonly #files: EdgeFiles;
  readonly #host: string;
  readonly #secureHost: string | null;
  /** Calls come one after another. */
  readonly #next = inTurn();
  #ensuring: Promise<void> | null = null;
  #stopCounting: (() => void) | null = null;

  constructor({ directory, listen, secure, proxies, run, clock, user, threads, descriptors }: HaproxyEdgeOptions) {
    const files = haproxyFiles(directory);
    const runner = "image" in run ? containerRunner(run, files) : programRunner(run, files);
    this.#files = files;
    this.#runner = runner;
    const wanted = threads ?? Math.min(usualThreads, availableParallelism());
    this.#host = listen.host;
    this.#secureHost = secure?.host ?? null;
    this.#server = new HaproxyServer({
      files,
      runner,
      listen,
      secure,
      proxies,
      threads: wanted,
      capacity: capacityOf(descriptors ?? ("image" in run ? containerDescriptors : edgeDescriptors())),
      user: user ?? null,
      clock,
    });
    this.#follower = new RecordFollower({
      admin: files.admin,
      clock,
      understood: (line) => this.#server.recordOf(line),
    });
    this.#heartbeat = new Heartbeat({
      clock,
      proxies,
      address: () => (this.#server.port === 0 ? null : this.address()),
      inside: () => askBoth(files),
      changed: () => this.#changed(),
    });
    this.#server.replaced = (isIdle) => this.#follower.next(isIdle);
  }

  ensure(): Promise<void> {
    this.#ensuring ??= this.#next(async () => {
      await this.#endHung();
      await this.#server.ensure();
      this.#heartbeat.begin();
      // Even without other listeners: times are computed from records.
      this.#stopCounting ??= this.#follower.records(() => undefined);
    }).finally(() => {
      this.#ensuring = null;
    });
    return this.#ensuring;
  }

  async observe(owner: string): Promise<EdgeState> {
    return observed(
      () => this.#heartbeat.look(),
      () => this.#next(() => this.#server.observe(owner)),
    );
  }

  async apply(value: RouteTable): Promise<void> {
    const table = checkTable(value);
    const addresses = await addressesOf(table);
    await this.#next(() => this.#server.apply(table, (host) => addresses.get(host) ?? host));
  }

  remove(owner: string): Promise<void> {
    return this.#next(() => this.#server.remove(owner));
  }

  owners(): Promise<readonly string[]> {
    return this.#next(async () => this.#server.owners());
  }

  records(listener: (records: readonly AccessRecord[]) => void): () => void {
    return this.#follower.records(listener);
  }

  changes(listener: () => void): () => void {
    return this.#follower.changes(listener);
  }

  answer(): EdgeAnswer {
    return this.#heartbeat.answer();
  }

  address(): Address {
    return { host: this.#host, port: this.#server.port };
  }

  secureAddress(): Address | null {
    return this.#secureHost === null ? null : { host: this.#secureHost, port: this.#server.securePort };
  }

  applyCertificates(certificates: readonly EdgeCertificate[]): Promise<void> {
    return this.#next(() => this.#server.applyCertificates(certificates));
  }

  async applyChallenges(answers: readonly ChallengeAnswer[]): Promise<void> {
    const good = checkChallenges(answers);
    await this.#next(() => this.#server.applyChallenges(good));
  }

  async close(): Promise<void> {
    this.#heartbeat.close();
    this.#follower.close();
  }

  /** A hung edge would keep the port forever. One that was only stopped by a signal continues, and loses nothing. */
  async #endHung(): Promise<void> {
    await this.#server.load();
    if (!(await this.#heartbeat.hangs())) return;
    await this.#runner.wake();
    const isSilent = (await this.#heartbeat.look()) === "silent";
    await noteInLog(
      this.#files.log,
      `HAProxy ${isSilent ? "hung: killed by its controller" : "continues after SIGCONT"}`,
    );
    if (!isSilent) return;
    await this.#runner.end();
    this.#heartbeat.forget();
  }

  #changed(): void {
    if (!this.#heartbeat.isHung()) return this.#follower.become(this.#heartbeat.isWell());
    // A master that was stopped while its worker serves: nothing else would continue it.
    void this.#runner.wake().catch((thrown: unknown) => this.#heartbeat.fail(thrown));
    this.#follower.notify();
  }
}

/** The worker that takes new connections, and the master that it is changed by. Fault `edge.unreachable` when one does not answer. */
async function askBoth({ admin, master }: EdgeFiles): Promise<void> {
  await Promise.all([askCli(admin, "show info", [askMs]), askCli(master, "show proc", [askMs])]);
}

/** Slots take numeric addresses only. Fault `route.invalid` for a name that has none. */
async function addressesOf(table: RouteTable): Promise<ReadonlyMap<string, string>> {
  const hosts = new Set(table.routes.flatMap((route) => route.upstreams.map(({ host }) => host)));
  const pairs = [...hosts].map(async (host) => {
    if (isIP(host) !== 0) return [host, host] as const;
    try {
      return [host, (await lookup(host)).address] as const;
    } catch (thrown) {
      throw new Fault("route.invalid", `The route table is invalid: ${host} has no address.`, { cause: thrown });
    }
  });
  return new Map(await Promise.all(pairs));
}
