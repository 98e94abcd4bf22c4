import { Fault } from "../../base/faults.ts";
import type { Deployment } from "../../model/deployment.ts";
import { type Environment, type EnvKey, isThere, keyText, newEnvironment, sameKey } from "../../model/environment.ts";
import type { Event } from "../../model/event.ts";
import type { InstanceFacts } from "../../model/instance.ts";
import type { Release } from "../../model/release.ts";
import type { DeploymentBook } from "../../ports/journal/deployments.ts";
import type { EnvironmentBook } from "../../ports/journal/environments.ts";
import type { EventBook } from "../../ports/journal/events.ts";
import type { ReleaseBook } from "../../ports/journal/releases.ts";
import type { StepBook, StepChange, StepRecord } from "../../ports/journal/steps.ts";
import { type Change, changedEnvironment, type Journal, type Keep } from "../../ports/journal.ts";
import { ControllerBooks } from "./controller-books.ts";
import { changed, type StateChange } from "./state-changes.ts";
import { SimulatedValueBook } from "./value-book.ts";

type Listener = Parameters<Journal["committed"]>[0];

/** All that is recorded about one environment. */
export interface EnvironmentRecords {
  readonly environment: Environment;
  readonly releases: readonly Release[];
  /** Oldest first. */
  readonly deployments: readonly Deployment[];
  readonly facts: readonly InstanceFacts[];
}

/** A journal that is as durable as the object: a controller that dies loses none of it. */
export class SimulatedJournal implements Journal {
  readonly #environments = new Map<string, Environment>();
  readonly #releases = new Map<string, Release>();
  readonly #deployments = new Map<string, Deployment>();
  /** Ids of deployments in the order of becoming live. */
  readonly #live: string[] = [];
  readonly #facts = new Map<string, Map<string, InstanceFacts>>();
  #steps: StepRecord[] = [];
  #events: Event[] = [];
  readonly #controller = new ControllerBooks();
  readonly #listeners = new Set<Listener>();
  /** What listeners threw. */
  readonly listenerFaults: unknown[] = [];
  #lastStep = 0;
  #lastEvent = 0;

  readonly environments: EnvironmentBook = {
    all: async () => [...this.#environments.values()].filter(isThere),
    endedPreviews: async () => [...this.#environments.values()].filter((one) => !isThere(one)),
    find: async (key) => this.#environments.get(keyText(key)) ?? null,
    facts: async (key) => [...(this.#facts.get(keyText(key))?.values() ?? [])],
  };

  readonly releases: ReleaseBook = {
    find: async (key, number) => this.#releases.get(`${keyText(key)} ${number}`) ?? null,
    page: async (key, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      this.#releasesOf(key)
        .filter((release) => release.number < before)
        .slice(0, limit),
    lastNumber: async (key) => this.#releasesOf(key)[0]?.number ?? 0,
    live: async (key, limit) => {
      const numbers = this.#live.flatMap((id) => {
        const deployment = this.#deployments.get(id);
        return deployment && sameKey(deployment.key, key) ? [deployment.release] : [];
      });
      return [...new Set(numbers.reverse())].slice(0, limit);
    },
  };

  readonly deployments: DeploymentBook = {
    find: async (id) => this.#deployments.get(id) ?? null,
    page: async (key, { before, limit }) => {
      const all = this.#deploymentsOf(key);
      const end =
        before === undefined
          ? all.length
          : Math.max(
              0,
              all.findIndex(({ id }) => id === before),
            );
      return all.slice(0, end).reverse().slice(0, limit);
    },
    unfinished: async (key) => this.#deploymentsOf(key).filter(({ phase }) => phase !== "ended"),
  };

  readonly steps: StepBook = {
    begin: async (step) => {
      this.#lastStep += 1;
      this.#steps.push({ ...step, id: this.#lastStep, endedAt: null, fault: null });
      return this.#lastStep;
    },
    of: async (deployment) => this.#steps.filter((step) => step.deployment === deployment),
  };

  readonly events: EventBook = {
    page: async ({ key, deployment, after, limit }) =>
      this.#events
        .filter((event) => event.id > after && (!key || sameKey(event.key, key)))
        .filter((event) => deployment === undefined || event.deployment === deployment)
        .slice(0, limit),
    lastId: async () => this.#lastEvent,
  };

  readonly values = new SimulatedValueBook();
  readonly audit = this.#controller.audit;
  readonly tokens = this.#controller.tokens;
  readonly claims = this.#controller.claims;

  async commit(changes: readonly Change[]): Promise<void> {
    this.#refuse(changes);
    this.#apply(changes);
  }

  committed(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async prune({ history: before, audit }: Parameters<Journal["prune"]>[0]): Promise<void> {
    this.#controller.pruneAudit(audit);
    const isOpen = (id: string | null) => id !== null && this.#deployments.get(id)?.phase !== "ended";
    this.#steps = this.#steps.filter((step) => step.begunAt >= before || isOpen(step.deployment));
    this.#events = this.#events.filter((event) => event.at >= before || isOpen(event.deployment));
  }

  async thin(key: EnvKey, { newestDeployments, newestReleases, releases }: Keep): Promise<void> {
    const serving = Object.values(this.#environments.get(keyText(key))?.serving?.generations ?? {});
    const old = this.#deploymentsOf(key).reverse().slice(newestDeployments);
    for (const { id, phase } of old) {
      if (phase !== "ended" || serving.includes(id)) continue;
      this.#deployments.delete(id);
      this.#steps = this.#steps.filter((step) => step.deployment !== id);
      this.#events = this.#events.filter((event) => event.deployment !== id);
    }
    for (const { number } of this.#releasesOf(key).slice(newestReleases)) {
      if (!releases.includes(number)) this.#releases.delete(`${keyText(key)} ${number}`);
    }
  }

  async forget(key: EnvKey, endedBefore: number): Promise<void> {
    const endedAt = this.#environments.get(keyText(key))?.preview?.endedAt ?? endedBefore;
    if (endedAt >= endedBefore || (await this.deployments.unfinished(key)).length > 0) return;
    for (const { id } of this.#deploymentsOf(key)) this.#deployments.delete(id);
    for (const { number } of this.#releasesOf(key)) this.#releases.delete(`${keyText(key)} ${number}`);
    this.#steps = this.#steps.filter((step) => !sameKey(step.key, key));
    this.#events = this.#events.filter((event) => !sameKey(event.key, key));
    for (const book of [this.#environments, this.#facts]) book.delete(keyText(key));
    this.values.forget(key);
  }

  async close(): Promise<void> {}

  /** As opening does after the death of a process. */
  reopen(): void {
    this.#controller.forgetIdleClaims();
  }

  /** Whether a step about this subject was begun and has not ended: every deed of a deployment is recorded before. */
  isUnderWay(what: string, subject: string): boolean {
    return (
      this.#steps.findLastIndex((one) => one.endedAt === null && one.what === what && one.subject === subject) >= 0
    );
  }

  /** All that is recorded about an environment, at once, for whoever watches from outside. */
  recordsOf(key: EnvKey): EnvironmentRecords {
    return {
      environment: this.#environments.get(keyText(key)) ?? newEnvironment(key),
      releases: this.#releasesOf(key),
      deployments: this.#deploymentsOf(key),
      facts: [...this.#factsOf(key).values()],
    };
  }

  #releasesOf(key: EnvKey): Release[] {
    return [...this.#releases.values()]
      .filter((release) => sameKey(release.key, key))
      .sort((a, b) => b.number - a.number);
  }

  /** Oldest first. */
  #deploymentsOf(key: EnvKey): Deployment[] {
    return [...this.#deployments.values()].filter((deployment) => sameKey(deployment.key, key));
  }

  #refuse(changes: readonly Change[]): void {
    this.#controller.refuseTakenName(changes);
    for (const change of changes) {
      if (change.kind !== "release") continue;
      const { key, number } = change.release;
      if (this.#releases.has(`${keyText(key)} ${number}`)) {
        throw new Fault("document.stale", `${keyText(key)} has a v${number} already`);
      }
    }
  }

  #apply(changes: readonly Change[]): void {
    const touched = new Map<string, EnvKey>();
    for (const change of changes) {
      const key = changedEnvironment(change);
      if (key) {
        touched.set(keyText(key), key);
        if (!this.#environments.has(keyText(key))) this.#environments.set(keyText(key), newEnvironment(key));
      }
      this.#write(change);
    }
    if (touched.size === 0) return;
    for (const listener of this.#listeners) this.#tell(listener, [...touched.values()], changes);
  }

  /** A listener's own mistake breaks neither the commit nor the other listeners; it is kept to be checked. */
  #tell(listener: Listener, keys: readonly EnvKey[], changes: readonly Change[]): void {
    try {
      listener(keys, changes);
    } catch (thrown) {
      this.listenerFaults.push(thrown);
    }
  }

  #write(change: Change): void {
    switch (change.kind) {
      case "release":
        this.#releases.set(`${keyText(change.release.key)} ${change.release.number}`, change.release);
        return;
      case "deployment":
        return this.#writeDeployment(change.deployment);
      case "facts":
        this.#factsOf(change.key).set(change.facts.name, change.facts);
        return;
      case "facts.forgotten":
        this.#factsOf(change.key).delete(change.name);
        return;
      case "event":
        this.#lastEvent += 1;
        this.#events.push({ ...change.event, id: this.#lastEvent });
        return;
      case "step.ended":
        return this.#endStep(change);
      case "value.destroyed":
      case "value.resealed":
        return this.values.write(change);
      case "audit":
      case "claim.done":
      case "token.created":
      case "token.used":
      case "token.revoked":
        return this.#controller.write(change);
      default:
        if (change.kind === "variables") this.values.write(change);
        if (change.kind === "preview.ended") this.values.destroyAll(change.key);
        return this.#writeEnvironment(change);
    }
  }

  #endStep({ id, at, fault }: StepChange): void {
    const place = this.#steps.findLastIndex((step) => step.id === id);
    const step = this.#steps[place];
    if (step) this.#steps[place] = { ...step, endedAt: at, fault };
  }

  #writeDeployment(deployment: Deployment): void {
    this.#deployments.set(deployment.id, deployment);
    const isLive = deployment.phase === "ended" && deployment.verdict === "live";
    if (isLive && !this.#live.includes(deployment.id)) this.#live.push(deployment.id);
  }

  #writeEnvironment(change: StateChange): void {
    const name = keyText(change.key);
    const environment = this.#environments.get(name) ?? newEnvironment(change.key);
    this.#environments.set(name, changed(environment, change));
  }

  #factsOf(key: EnvKey): Map<string, InstanceFacts> {
    const found = this.#facts.get(keyText(key)) ?? new Map<string, InstanceFacts>();
    this.#facts.set(keyText(key), found);
    return found;
  }
}
