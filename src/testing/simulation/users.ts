import { Secret } from "../../base/secret.ts";
import { type DeploymentKind, newDeployment } from "../../model/deployment.ts";
import type { EnvKey, SealedValue } from "../../model/environment.ts";
import { plainBuild, type Release, releaseName, type ServiceSpec } from "../../model/release.ts";
import { stopChanges } from "../../plan/stop.ts";
import type { Change, Journal } from "../../ports/journal.ts";
import type { Vault } from "../../ports/vault.ts";
import type { SimulatedClock } from "./clock.ts";
import type { SimulatedJournal } from "./journal.ts";
import type { Random } from "./random.ts";
import { type Flaw, isHopeless, type ScriptAction } from "./script.ts";

interface UsersOptions {
  readonly key: EnvKey;
  readonly clock: SimulatedClock;
  readonly journal: SimulatedJournal;
  readonly vault: Vault;
  readonly deploy: Release["deploy"];
  readonly random: Random;
  readonly refused: (thrown: unknown) => void;
}

interface Exclusively {
  exclusively<T>(key: EnvKey, change: () => Promise<T>): Promise<T>;
}

interface NewRelease {
  readonly kind: "deploy" | "stage";
  readonly services: readonly ServiceSpec[];
  readonly flaw: Flaw | null;
  readonly digest: string | null;
}

/** The people who use the controller: they write the same changes down as the use cases do. */
export class SimulatedUsers {
  readonly #options: UsersOptions;
  /** What is wrong with each release. */
  readonly flaws = new Map<number, Flaw | null>();
  readonly #flawsOfArtifacts = new Map<string, Flaw | null>();
  everStopped = false;
  #count = 0;

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  flawOf(release: number, service: string): Flaw | null {
    const flaw = this.flaws.get(release) ?? null;
    return flaw?.service === service ? flaw : null;
  }

  flawOfArtifact(digest: string): Flaw | null {
    return this.#flawsOfArtifacts.get(digest) ?? null;
  }

  isHopeless(release: number): boolean {
    return isHopeless(this.flaws.get(release) ?? null);
  }

  /** Asks the controller for something. When it dies meanwhile, the wish is lost; `refused` is told why it was not granted. */
  act(controller: Exclusively, action: ScriptAction, journal: Journal): void {
    const { key } = this.#options;
    const wish = controller.exclusively(key, async () => {
      const changes = this.#changesFor(action);
      if (changes.length > 0) await journal.commit(changes);
    });
    wish.catch(this.#options.refused);
  }

  /** Makes it a preview; every other one is an environment that is destroyed then, and forgotten. */
  preview(ttlMs: number): Change {
    const { key, clock } = this.#options;
    const from = ttlMs % 2 === 0 ? "staging" : null;
    return { kind: "preview", key, preview: { from, ttlMs, endsAt: clock.now() + ttlMs, endedAt: null } };
  }

  #changesFor(action: ScriptAction): readonly Change[] {
    const { preview } = this.#book().environment;
    if (preview && (preview.endedAt !== null || this.#options.clock.now() >= preview.endsAt)) return [];
    switch (action.do) {
      case "deploy":
      case "stage":
        return this.#deploy({ kind: action.do, services: action.services, flaw: action.flaw, digest: null });
      case "configure":
        return this.#configure();
      case "rollback":
        return this.#rollback();
      case "restart all":
        return this.#restart(false);
      case "restart one":
        return this.#restart(true);
      case "cancel":
        return this.#cancel();
      case "stop":
        return this.#stop();
      case "maintain":
        return this.#maintain();
      case "scale":
        return this.#scale(action.replicas);
    }
  }

  #book() {
    return this.#options.journal.recordsOf(this.#options.key);
  }

  #deploy({ kind, services, flaw, digest }: NewRelease): readonly Change[] {
    const { key, clock, deploy } = this.#options;
    const number = (this.#book().releases[0]?.number ?? 0) + 1;
    const artifact = digest ?? `sha256:artifact-${number}`;
    this.flaws.set(number, flaw);
    if (digest === null) this.#flawsOfArtifacts.set(artifact, flaw);
    const source = `sha256:source-${number}`;
    const release: Release = {
      key,
      number,
      createdAt: clock.now(),
      createdBy: "ada",
      message: null,
      source,
      artifacts: [{ digest: artifact, source, ...plainBuild }],
      services: services.map((service) => ({ ...service, artifact })),
      deploy,
      ...{ secrets: [], allowed: [], branch: null, commit: null, protection: null },
      manifest: "",
    };
    return [{ kind: "release", release }, ...this.#queue(kind, number, null)];
  }

  /** A new release of the same artifacts, with other values. */
  #configure(): readonly Change[] {
    const { key } = this.#options;
    const { releases, environment, deployments } = this.#book();
    const open = deployments.filter(({ kind, phase }) => kind !== "stage" && kind !== "restart" && phase !== "ended");
    const wanted = open.at(-1)?.release ?? environment.serving?.release;
    const base = releases.find(({ number }) => number === wanted);
    this.#count += 1;
    const set: Change = { kind: "variables", key, set: { COLOUR: this.#sealed("COLOUR") } };
    if (!base || environment.stopped) return [set];
    const services = base.services.map((one) => ({
      ...one,
      env: { ...one.env, COLOUR: [{ secret: "COLOUR", version: this.#count }] },
    }));
    const flaw = this.flaws.get(base.number) ?? null;
    return [set, ...this.#deploy({ kind: "deploy", services, flaw, digest: base.artifacts[0]?.digest ?? null })];
  }

  #sealed(name: string): SealedValue {
    const { key, vault, clock } = this.#options;
    const value = new Secret(`${this.#count}`);
    const sealed = vault.seal(value, { key, secret: name, version: this.#count });
    return { version: this.#count, at: clock.now(), by: "ada", sealed };
  }

  #rollback(): readonly Change[] {
    const { environment, deployments } = this.#book();
    const live = deployments.filter(({ verdict }) => verdict === "live").map(({ release }) => release);
    const serving = environment.serving?.release ?? Number.POSITIVE_INFINITY;
    const target = Math.max(0, ...live.filter((number) => number < serving));
    return target === 0 ? [] : this.#queue("rollback", target, null);
  }

  #restart(isOne: boolean): readonly Change[] {
    const { environment, releases } = this.#book();
    const release = releases.find(({ number }) => number === environment.serving?.release);
    if (!release) return [];
    const names = release.services.map(({ name }) => name);
    const one = names[this.#options.random.between(0, names.length - 1)];
    return this.#queue("restart", release.number, isOne && one !== undefined ? [one] : null);
  }

  #cancel(): readonly Change[] {
    const open = this.#book().deployments.filter(({ phase }) => phase !== "ended" && phase !== "drain");
    const chosen = open[this.#options.random.between(0, Math.max(0, open.length - 1))];
    return chosen ? [{ kind: "deployment", deployment: { ...chosen, cancelRequested: true } }] : [];
  }

  #stop(): readonly Change[] {
    const { key } = this.#options;
    const { environment, deployments } = this.#book();
    if (environment.stopped) return [];
    this.everStopped = true;
    const open = deployments.filter(({ phase }) => phase !== "ended");
    return stopChanges(key, open);
  }

  /** Closes it to its users, or opens it again. */
  #maintain(): readonly Change[] {
    const { maintenance } = this.#book().environment;
    const next = maintenance ? null : { message: "Back at nine", page: null };
    return [{ kind: "maintenance", key: this.#options.key, maintenance: next }];
  }

  #scale(replicas: number): readonly Change[] {
    const { environment, releases } = this.#book();
    const release = releases.find(({ number }) => number === environment.serving?.release) ?? releases[0];
    const many = release?.services.filter(({ single }) => !single) ?? [];
    const chosen = many[this.#options.random.between(0, Math.max(0, many.length - 1))];
    return chosen ? [{ kind: "scale", key: this.#options.key, service: chosen.name, replicas }] : [];
  }

  #queue(kind: DeploymentKind, release: number, services: readonly string[] | null): readonly Change[] {
    const { key, clock } = this.#options;
    const { environment, deployments } = this.#book();
    const createdAt = clock.now();
    const detail = `${kind} of ${releaseName(release)}`;
    const deployment = newDeployment({
      id: `dep_${String(deployments.length + 1).padStart(6, "0")}`,
      key,
      kind,
      release,
      services,
      previous: environment.serving,
      createdAt,
      createdBy: "ada",
    });
    const event = {
      at: createdAt,
      key,
      kind: "deployment.queued",
      deployment: deployment.id,
      subject: null,
      detail,
    } as const;
    const started: readonly Change[] =
      environment.stopped && kind !== "stage" ? [{ kind: "stopped", key, stopped: false }] : [];
    return [...started, { kind: "deployment", deployment }, { kind: "event", event }];
  }
}
