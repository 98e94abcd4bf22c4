import { type EnvKey, keyText, newEnvironment } from "../model/environment.ts";
import type { ArtifactState, Release } from "../model/release.ts";
import type { Snapshot } from "../plan/plan.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock } from "../ports/clock.ts";
import type { Edge } from "../ports/edge.ts";
import type { Journal } from "../ports/journal.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Redactors } from "./redaction.ts";

export interface ObserverDeps {
  readonly journal: Journal;
  readonly runtime: Runtime;
  readonly edge: Edge;
  readonly builder: Builder;
  readonly clock: Clock;
  readonly redactors: Redactors;
}

/** Releases are immutable, so one that was read is never read again; only so many are remembered. */
const rememberedReleases = 500;

/** Puts the world of an environment together out of what the journal, the runtime, the edge and the builder say. */
export class Observer {
  readonly #deps: ObserverDeps;
  readonly #releases = new Map<string, Release>();

  constructor(deps: ObserverDeps) {
    this.#deps = deps;
  }

  async observe(key: EnvKey, seen: Pick<Snapshot, "probes" | "answers" | "errorLines" | "memory">): Promise<Snapshot> {
    const { journal, runtime, edge, clock } = this.#deps;
    const [found, deployments, facts, world, edgeState] = await Promise.all([
      journal.environment(key),
      journal.unfinished(key),
      journal.facts(key),
      runtime.observe(key),
      edge.observe(keyText(key)),
    ]);
    const environment = found ?? newEnvironment(key);
    const numbers = new Set<number>();
    if (environment.serving) numbers.add(environment.serving.release);
    for (const { release, previous } of deployments) {
      numbers.add(release);
      if (previous) numbers.add(previous.release);
    }
    for (const instance of world.instances) numbers.add(instance.identity.release);
    const releases = await this.#releasesOf(key, numbers);
    const wanted = releases.filter((release) => deployments.some((one) => one.release === release.number));
    return {
      now: clock.now(),
      key,
      environment,
      releases,
      deployments,
      instances: world.instances,
      facts,
      ...seen,
      tasks: world.tasks,
      unreadable: world.unreadable,
      inside: world.inside,
      artifacts: await this.#artifactsOf(wanted),
      refusal: null,
      edge: edgeState,
    };
  }

  async #releasesOf(key: EnvKey, numbers: ReadonlySet<number>): Promise<readonly Release[]> {
    const releases: Release[] = [];
    for (const number of [...numbers].sort((a, b) => a - b)) {
      const id = `${keyText(key)} ${number}`;
      const release = this.#releases.get(id) ?? (await this.#deps.journal.release(key, number));
      if (!release) continue;
      if (this.#releases.size >= rememberedReleases) this.#releases.clear();
      this.#releases.set(id, release);
      releases.push(release);
    }
    return releases;
  }

  async #artifactsOf(releases: readonly Release[]): Promise<Record<string, ArtifactState>> {
    const states: Record<string, ArtifactState> = {};
    for (const release of releases) {
      for (const { digest } of release.artifacts) states[digest] ??= await this.#stateOf(digest, release);
    }
    return states;
  }

  /** How an artifact stands. What a builder says of a failure may quote a secret of the build. */
  async #stateOf(digest: string, { key, number }: Release): Promise<ArtifactState> {
    const { builder, redactors } = this.#deps;
    const found = await builder.observe(digest);
    if (found.state !== "failed") return found;
    return { ...found, detail: (await redactors.of(key, number)).text(found.detail) };
  }
}
