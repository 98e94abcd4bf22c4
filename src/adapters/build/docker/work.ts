import { asFault, Fault, isErrno } from "../../../base/faults.ts";
import { formatSize } from "../../../base/size.ts";
import { withBuildVariables } from "../../../detect/build-variables.ts";
import type { detect } from "../../../detect/detect.ts";
import { isRecipe, type Recipe } from "../../../detect/recipe.ts";
import type { ContainerEngine } from "../../../host/engine.ts";
import { installationLabel } from "../../../host/installation.ts";
import { type ArtifactSpec, type BuildFaultCode, releaseName } from "../../../model/release.ts";
import type { BuildVariables } from "../../../ports/builder.ts";
import type { Clock } from "../../../ports/clock.ts";
import { textAt } from "../source/view.ts";
import type { WorkEnd } from "./builds.ts";
import { packContext, privateDockerfile, readContext } from "./context.ts";
import { artifactLabel, type Images, imageOf } from "./images.ts";
import { fetchImage, pinnedName } from "./prebuilt.ts";
import { type Logins, registryRefusal } from "./registries.ts";
import { freeRoom, type RoomPolicy, refuseFullDisk, refuseWithoutRoom, saysDiskFull, watchRoom } from "./room.ts";
import type { BuildControl, BuildEnd, BuildLimits, BuildOrder } from "./way.ts";
import type { Ways } from "./ways.ts";

interface WorkOptions {
  readonly engine: ContainerEngine;
  readonly clock: Clock;
  readonly installation: string;
  readonly recipeOf: typeof detect;
  readonly limits: BuildLimits;
  readonly room: RoomPolicy;
  readonly images: Images;
  readonly ways: Ways;
}

interface Job {
  readonly artifact: ArtifactSpec;
  /** The directory to build. */
  readonly root: string;
  readonly release: number;
  readonly variables: BuildVariables;
}

/** The work for an artifact, from its source or name to the tagged image. Never rejects with a build's fault. */
export class Work {
  readonly #options: WorkOptions;

  constructor(options: WorkOptions) {
    this.#options = options;
  }

  build(job: Job, control: BuildControl): Promise<WorkEnd> {
    return this.#reported(control, async () => {
      const { order, bytes } = await this.#order(job, control);
      const end = await this.#watched(control, bytes, (watched) => this.#options.ways.run(order, watched));
      if (!end.ok) {
        const image = end.code === null ? imageIn(end.step ?? "") : null;
        const refusal = image && (await registryRefusal(this.#options.engine, image, order.registries));
        if (refusal) throw refusal;
        return failed(end);
      }
      await this.#finish(job.artifact.digest);
      return { kind: "built" };
    });
  }

  /** Uses a prebuilt image by its digest. */
  fetch({ digest, image }: ArtifactSpec, registries: Logins, control: BuildControl): Promise<WorkEnd> {
    return this.#reported(control, async () => {
      const { clock, images } = this.#options;
      const name = image ?? "";
      const { found, pulled } = await fetchImage({ ...this.#options, registries }, name, control);
      await images.touch(digest, { now: clock.now(), pulled: pulled ? pinnedName(name) : "" });
      await images.tag(found, digest);
      return { kind: "built" };
    });
  }

  /** Writes the end of a build to its log, and converts what was thrown. */
  async #reported(control: BuildControl, work: () => Promise<WorkEnd>): Promise<WorkEnd> {
    let end: WorkEnd;
    try {
      end = await work();
    } catch (thrown) {
      end = endOf(control, thrown);
    }
    if (end.kind === "failed") control.say(end.detail);
    if (end.kind === "lost") control.say("the build was interrupted");
    return end;
  }

  async #order(job: Job, { say }: BuildControl): Promise<{ order: BuildOrder; bytes: number }> {
    const { artifact, root, release, variables } = job;
    const { clock, installation, limits } = this.#options;
    const own = artifact.dockerfile ?? (textAt(root, "Dockerfile") === null ? null : "Dockerfile");
    const context = await readContext(root, own);
    say(`context ${artifact.context}: ${context.files} files, ${formatSize(context.bytes)}`);
    const recipe = own === null ? this.#recipe(job, context.entries) : null;
    if (recipe) explain(recipe, say);
    const now = clock.now();
    const order = {
      tag: imageOf(artifact.digest),
      tar: () => packContext(context, { dockerfile: recipe?.dockerfile ?? null, now }),
      dockerfile: own ?? privateDockerfile,
      target: artifact.target,
      args: { ...artifact.args, ...variables.plain },
      secrets: variables.secret,
      registries: variables.registries,
      labels: {
        [artifactLabel]: artifact.digest,
        [installationLabel]: installation,
        "org.opencontainers.image.created": new Date(now).toISOString(),
        "org.opencontainers.image.revision": artifact.source,
        "org.opencontainers.image.version": releaseName(release),
      },
      limits,
    };
    return { order, bytes: context.bytes };
  }

  /** Fault `build.unrecognised` says what was searched for. */
  #recipe(
    { artifact: { base }, root, variables }: Job,
    entries: readonly { readonly path: string; readonly kind: string }[],
  ): Recipe {
    const paths = entries.filter(({ kind }) => kind !== "directory").map(({ path }) => path);
    const found = this.#options.recipeOf({ paths, read: (path) => textAt(root, path) }, { base });
    if (isRecipe(found)) {
      const names = { plain: Object.keys(variables.plain), secret: Object.keys(variables.secret) };
      return { ...found, dockerfile: withBuildVariables(found.dockerfile, names) };
    }
    const looked = found.lookedFor.join(", ");
    throw new Fault("build.unrecognised", `no Dockerfile, and the source was not recognised; looked for ${looked}`);
  }

  /** Runs a build only with enough space, and stops it when it uses up the disk. */
  async #watched(
    control: BuildControl,
    bytes: number,
    run: (control: BuildControl) => Promise<BuildEnd>,
  ): Promise<BuildEnd> {
    const { engine, clock, room: policy } = this.#options;
    const free = await freeRoom(engine);
    if (free === null) {
      control.say("disk space is not checked: the engine's data directory is not on this machine");
      return run(control);
    }
    refuseWithoutRoom(free, bytes, policy);
    const full = new AbortController();
    const end = watchRoom({ engine, clock, policy }, (fault) => full.abort(fault));
    let wasFull = false;
    const say = (line: string) => {
      wasFull ||= saysDiskFull(line);
      control.say(line);
    };
    try {
      const build = await run({ say, signal: AbortSignal.any([control.signal, full.signal]) });
      if (build.ok) return build;
      // The step's files were removed with it, so the disk may have space again.
      if (wasFull || saysDiskFull(build.words)) throw new Fault("build.no-room", "the build filled the engine's disk");
      refuseFullDisk(await freeRoom(engine), policy);
      return build;
    } catch (thrown) {
      throw full.signal.aborted ? full.signal.reason : thrown;
    } finally {
      end();
    }
  }

  async #finish(digest: string): Promise<void> {
    const { images, clock } = this.#options;
    if (!(await images.has(digest)))
      throw new Fault("build.failed", "the builder reported an image, but there is none");
    await images.touch(digest, { now: clock.now() });
  }
}

/** A generated Dockerfile is part of the log, so that it is visible. */
function explain({ summary, warnings, dockerfile }: Recipe, say: BuildControl["say"]): void {
  say(`no Dockerfile: ${summary}`);
  for (const warning of warnings) say(`warning: ${warning}`);
  for (const line of dockerfile.trimEnd().split("\n")) say(`| ${line}`);
}

/**
 * The image that a step was about to pull, from the step's name: BuildKit's for its own steps, or the Dockerfile's
 * line. No part of it can lead elsewhere in a path.
 */
export function imageIn(step: string): string | null {
  const found =
    /^(?:load metadata for|FROM(?: --platform=\S+)?) ([a-z0-9][\w.:@-]*(?:\/[a-z0-9][\w.:@-]*)*)(?!\S)/i.exec(step);
  return found?.[1] ?? null;
}

/** A process killed with SIGKILL exits with 137; in a build only the kernel kills, for lack of memory. */
const killed = 137;

function failed({ step, code, words }: Extract<BuildEnd, { ok: false }>): WorkEnd {
  const what = step === null ? null : step.length > 120 ? `${step.slice(0, 119)}…` : step;
  if (what !== null && code === killed) {
    const detail = `${what} was killed (exit 137), most likely because it ran out of memory`;
    return { kind: "failed", code: "build.out-of-memory", detail, exitCode: code };
  }
  const detail = what !== null && code !== null ? `${what} exited with ${code}` : words.slice(0, 2_000);
  return { kind: "failed", code: "build.failed", detail, exitCode: code };
}

const ownCodes: ReadonlySet<string> = new Set<BuildFaultCode>([
  "build.no-room",
  "build.unrecognised",
  "image.denied",
  "image.unknown",
  "image.unreachable",
]);

function endOf({ signal }: BuildControl, thrown: unknown): WorkEnd {
  const wasCutOff = isErrno(thrown, "ECONNRESET") || (thrown instanceof Fault && thrown.code === "engine.unreachable");
  if (signal.aborted || wasCutOff) return { kind: "lost" };
  const { code, detail } = asFault(thrown);
  return {
    kind: "failed",
    code: ownCodes.has(code) ? (code as BuildFaultCode) : "build.failed",
    detail,
    exitCode: null,
  };
}
