import { type Environment, type EnvKey, keyText, newEnvironment } from "../model/environment.ts";
import type { InstanceSpec, ObservedInstance } from "../model/instance.ts";
import type { ArtifactState, Release } from "../model/release.ts";
import { emptySnapshot, type Sensed, type Snapshot } from "../plan/plan.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock } from "../ports/clock.ts";
import type { Edge } from "../ports/edge.ts";
import type { Journal } from "../ports/journal.ts";
import { emptyWorld, type ObservedWorld, type Runtime } from "../ports/runtime.ts";
import type { Redactors } from "./redaction.ts";

export interface ObserverDeps {
  readonly journal: Journal;
  readonly runtime: Runtime;
  readonly edge: Edge;
  readonly builder: Builder;
  readonly clock: Clock;
  readonly redactors: Redactors;
}

/** Cache size: releases are immutable, so a cached one is never read again. */
const rememberedReleases = 500;

interface Books extends Pick<Snapshot, "deployments" | "facts"> {
  readonly environment: Environment | null;
}

/** Builds the snapshot of an environment from journal, runtime, edge and builder. */
export class Observer {
  readonly #deps: ObserverDeps;
  readonly #releases = new Map<string, Release>();

  constructor(deps: ObserverDeps) {
    this.#deps = deps;
  }

  /** Reads releases again: those of a deleted environment may have reused numbers. */
  forget(): void {
    this.#releases.clear();
  }

  /** Faults: those of the journal, and those of the runtime or the builder. */
  async observe(key: EnvKey, sensed: Sensed): Promise<Snapshot> {
    const { runtime, edge } = this.#deps;
    const [books, world, edgeState] = await Promise.all([
      this.#booksOf(key),
      runtime.observe(key),
      edge.observe(keyText(key)),
    ]);
    const parts = await this.#parted(books, world.instances);
    const known = await this.#known(key, books, { ...world, ...parts });
    const artifacts = await this.#artifactsOf(wantedOf(known));
    const isUnknown = books.environment === null;
    return { ...known, ...world, ...parts, isUnknown, ...sensed, artifacts, edge: edgeState };
  }

  /** The journal's part of the snapshot, for when nothing else can be observed. */
  async remember(key: EnvKey): Promise<Snapshot> {
    return this.#known(key, await this.#booksOf(key), emptyWorld);
  }

  /** Instances of deployments in the journal, and others. Those with facts may outlive their deployment's record. */
  async #parted({ environment, deployments, facts }: Books, all: readonly ObservedInstance[]) {
    const known = new Set(deployments.map(({ id }) => id));
    for (const serving of [environment?.serving, ...deployments.map(({ previous }) => previous)]) {
      for (const id of Object.values(serving?.generations ?? {})) known.add(id);
    }
    // A report about a stranger is a fact too, and explains nothing.
    const noted = new Set(facts.filter(({ gatedAt, retiredAt }) => gatedAt ?? retiredAt).map(({ name }) => name));
    for (const { name, identity } of all) {
      const { deployment } = identity;
      if (!noted.has(name) && !known.has(deployment) && (await this.#deps.journal.deployments.find(deployment)))
        known.add(deployment);
    }
    const isKnown = ({ name, identity }: ObservedInstance) => noted.has(name) || known.has(identity.deployment);
    return { instances: all.filter(isKnown), unexplained: all.filter((one) => !isKnown(one)) };
  }

  async #booksOf(key: EnvKey): Promise<Books> {
    const { journal } = this.#deps;
    const [environment, deployments, facts] = await Promise.all([
      journal.environments.find(key),
      journal.deployments.unfinished(key),
      journal.environments.facts(key),
    ]);
    return { environment, deployments, facts };
  }

  async #known(
    key: EnvKey,
    { environment: found, deployments, facts }: Books,
    world: ObservedWorld,
  ): Promise<Snapshot> {
    const environment = found ?? newEnvironment(key);
    const numbers = new Set<number>();
    if (environment.serving) numbers.add(environment.serving.release);
    for (const { release, previous } of deployments) {
      numbers.add(release);
      if (previous) numbers.add(previous.release);
    }
    for (const { identity } of world.instances) numbers.add(identity.release);
    for (const { spec } of world.tasks) numbers.add(spec.release);
    const releases = await this.#releasesOf(key, numbers);
    return { ...emptySnapshot(key, this.#deps.clock.now()), environment, releases, deployments, facts };
  }

  async #releasesOf(key: EnvKey, numbers: ReadonlySet<number>): Promise<readonly Release[]> {
    const releases: Release[] = [];
    for (const number of [...numbers].sort((a, b) => a - b)) {
      const id = `${keyText(key)} ${number}`;
      const release = this.#releases.get(id) ?? (await this.#deps.journal.releases.find(key, number));
      if (!release) continue;
      if (this.#releases.size >= rememberedReleases) this.#releases.clear();
      this.#releases.set(id, release);
      releases.push(release);
    }
    return releases;
  }

  /** The artifacts of a snapshot, and of instances that are about to be started. */
  async artifactsOf(s: Snapshot, started: readonly Pick<InstanceSpec, "identity">[]): Promise<Snapshot["artifacts"]> {
    const numbers = new Set(started.map(({ identity }) => identity.release));
    return { ...(await this.#artifactsOf(s.releases.filter(({ number }) => numbers.has(number)))), ...s.artifacts };
  }

  async #artifactsOf(releases: readonly Release[]): Promise<Record<string, ArtifactState>> {
    const states: Record<string, ArtifactState> = {};
    for (const release of releases) {
      for (const { digest } of release.artifacts) states[digest] ??= await this.#stateOf(digest, release);
    }
    return states;
  }

  /** State of an artifact. A builder's message about a failure may quote a secret of the build. */
  async #stateOf(digest: string, { key, number }: Release): Promise<ArtifactState> {
    const { builder, redactors } = this.#deps;
    const found = await builder.observe(digest);
    if (found.state !== "failed") return found;
    return { ...found, detail: (await redactors.of(key, number)).text(found.detail) };
  }
}

/** The releases of running deployments; for a restart the live one, which may have changed since the request. */
function wantedOf({ releases, deployments, environment }: Snapshot): readonly Release[] {
  const numbers = new Set(deployments.map(({ release }) => release));
  if (environment.serving && deployments.some(({ kind }) => kind === "restart"))
    numbers.add(environment.serving.release);
  return releases.filter(({ number }) => numbers.has(number));
}
