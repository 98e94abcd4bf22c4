import type { ContainerEngine } from "../../../host/engine.ts";
import { type DockerProgram, findBuildx } from "./buildx.ts";
import { buildkitWay, classicWay, hasNoSuchBuilder, takesContext } from "./engine-ways.ts";
import type { BuildControl, BuildEnd, BuildOrder, Way } from "./way.ts";

export type WayName = "buildx" | "buildkit" | "classic";

/** All build methods, the best first. */
export const everyWay: readonly WayName[] = ["buildx", "buildkit", "classic"];

interface WaysOptions {
  readonly engine: ContainerEngine;
  readonly docker: DockerProgram | null;
  readonly ways: readonly WayName[];
}

/** Uses the first method that works here. The result is cached until the controller ends. */
export class Ways {
  readonly #options: WaysOptions;
  #buildx: Promise<Way | null> | null = null;
  #withoutBuildkit = false;

  constructor(options: WaysOptions) {
    this.#options = options;
  }

  async run(order: BuildOrder, control: BuildControl): Promise<BuildEnd> {
    const way = await this.#best(order, control);
    control.say(`builds with ${way.name}`);
    try {
      return await way.run(order, control);
    } catch (thrown) {
      const isLeft = this.#withoutBuildkit || !this.#options.ways.includes("classic");
      if (isLeft || !hasNoSuchBuilder(thrown) || way.name !== buildkitWay(this.#options.engine).name) throw thrown;
      this.#withoutBuildkit = true;
      return this.run(order, control);
    }
  }

  async #best(order: BuildOrder, control: BuildControl): Promise<Way> {
    const { engine, ways } = this.#options;
    const buildx = await this.#buildxFor(order);
    if (buildx) return buildx;
    if (!ways.includes("buildkit") || this.#withoutBuildkit) return classicWay(engine);
    if (await takesContext(engine)) return buildkitWay(engine);
    control.say(
      "BuildKit of this engine, which keeps images in containerd, needs docker buildx; that of engine 28 does not",
    );
    return classicWay(engine);
  }

  /** The docker program reads logins from a file, and passwords must not be in files. */
  async #buildxFor({ registries }: BuildOrder): Promise<Way | null> {
    const { engine, docker, ways } = this.#options;
    if (!docker || !ways.includes("buildx") || Object.keys(registries).length > 0) return null;
    this.#buildx ??= findBuildx(engine, docker);
    return this.#buildx;
  }
}
