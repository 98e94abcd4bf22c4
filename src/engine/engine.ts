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

/** Log of what the engine could not do; the journal has the same, with the step. */
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
  /** The planner: `plan` of src/plan/decide.ts, or a broken one in mutation tests. */
  readonly plan: (s: Snapshot) => Plan;
}

/** The loop's interface to the rest of the controller. */
export interface ControlLoop {
  /** Reconciles every environment once, then continues by itself. */
  start(): Promise<void>;
  /** Stops deciding; instances and the edge keep running. Returns when nothing is running any more. */
  stop(): Promise<void>;
  /**
   * Runs `change` while nothing else touches this environment, then reconciles. Everything that writes to the journal
   * about an environment goes through here, so that no decision is based on an outdated state.
   */
  exclusively<T>(key: EnvKey, change: () => Promise<T>): Promise<T>;
  /** What is observed right now. */
  observe(key: EnvKey): Promise<Snapshot>;
  /** The next plan, without executing it. */
  plan(key: EnvKey): Promise<Plan>;
  usage(instance: string): Promise<Usage | null>;
}

/** The interface of certificates for use cases. */
export interface Certificates {
  /** Whether the edge takes TLS and has a certificate for the host. */
  has(host: string): boolean;
  domains(): Promise<readonly Domain[]>;
  /** Stores a supplied certificate. Fault: `certificate.invalid`. */
  add(pair: CertificatePair, hosts: readonly string[]): Promise<void>;
  /** Signs a host with this machine's own authority. */
  selfSign(host: string): Promise<void>;
  /** Removes every certificate of exactly this host. Fault: `certificate.unknown`. */
  remove(host: string): Promise<void>;
  /** Checks a host as an authority would, without contacting one. */
  check(host: string): Promise<DomainFinding>;
  /** Requests a certificate for a host now, whatever its last failure; the backoff starts again. */
  retry(host: string): Promise<void>;
}
