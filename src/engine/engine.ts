import type { Domain, DomainFinding } from "../model/certificate.ts";
import type { EnvKey } from "../model/environment.ts";
import type { Usage } from "../model/instance.ts";
import type { Plan, Snapshot } from "../plan/plan.ts";
import type { Builder } from "../ports/builder.ts";
import type { CertificatePair } from "../ports/certificates.ts";
import type { SteadyClock } from "../ports/clock.ts";
import type { Edge } from "../ports/edge.ts";
import type { Journal } from "../ports/journal.ts";
import type { LogStore } from "../ports/logs.ts";
import type { Prober } from "../ports/prober.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Vault } from "../ports/vault.ts";

/** Where the engine tells what it could not do; the journal has the same, with the step. */
export interface EngineLog {
  warn(about: object, message: string): void;
  error(about: object, message: string): void;
}

/** All that the engine works with. */
export interface EngineDeps {
  readonly journal: Journal;
  readonly runtime: Runtime;
  readonly edge: Edge;
  readonly builder: Builder;
  readonly prober: Prober;
  readonly vault: Vault;
  readonly logs: LogStore;
  readonly clock: SteadyClock;
  readonly log: EngineLog;
  /** The planner: `plan` of src/plan/decide.ts, or a broken one in the tests of the tests. */
  readonly plan: (s: Snapshot) => Plan;
}

/** The loop as the rest of the controller sees it. */
export interface ControlLoop {
  /** Looks at every environment once, then goes on by itself. */
  start(): Promise<void>;
  /** Stops deciding; instances and the edge go on. Returns when nothing is under way any more. */
  stop(): Promise<void>;
  /**
   * Runs `change` while nothing else touches this environment, then reconciles. Everything that writes to the journal
   * about an environment goes through here, so that no decision is taken on a world that just changed.
   */
  exclusively<T>(key: EnvKey, change: () => Promise<T>): Promise<T>;
  /** What is observed right now. */
  observe(key: EnvKey): Promise<Snapshot>;
  /** What would be done next; nothing is done. */
  plan(key: EnvKey): Promise<Plan>;
  usage(instance: string): Promise<Usage | null>;
}

/** Certificates as the use cases see them. */
export interface Certificates {
  /** Whether the edge takes TLS and has a certificate for the host. */
  has(host: string): boolean;
  domains(): Promise<readonly Domain[]>;
  /** Keeps a certificate that a person gave. Fault: `certificate.invalid`. */
  add(pair: CertificatePair, hosts: readonly string[]): Promise<void>;
  /** Signs a host by this machine's own authority. */
  selfSign(host: string): Promise<void>;
  /** Forgets every certificate of exactly this host. Fault: `certificate.unknown`. */
  remove(host: string): Promise<void>;
  /** Looks at a host as an authority would; nothing is asked of one. */
  check(host: string): Promise<DomainFinding>;
  /** Asks for a host again now, whatever its last failure; the wait counts from then on. */
  retry(host: string): Promise<void>;
}
