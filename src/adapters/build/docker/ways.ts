import type { Engine } from "../../../host/engine.ts";
import { type DockerProgram, findBuildx } from "./buildx.ts";
import { buildkitWay, classicWay, hasNoSuchBuilder } from "./engine-ways.ts";
import type { BuildEnd, BuildOrder, Course, Way } from "./way.ts";

export type WayName = "buildx" | "buildkit" | "classic";

/** All there are, the best first. */
export const everyWay: readonly WayName[] = ["buildx", "buildkit", "classic"];

interface WaysOptions {
  readonly engine: Engine;
  readonly docker: DockerProgram | null;
  readonly ways: readonly WayName[];
}

/** Uses the first way that works here. What was found out is remembered until the controller ends. */
export class Ways {
  readonly #options: WaysOptions;
  #buildx: Promise<Way | null> | null = null;
  #withoutBuildkit = false;

  constructor(options: WaysOptions) {
    this.#options = options;
  }

  async run(order: BuildOrder, course: Course): Promise<BuildEnd> {
    const way = await this.#best();
    course.say(`builds with ${way.name}`);
    try {
      return await way.run(order, course);
    } catch (thrown) {
      const isLeft = this.#withoutBuildkit || !this.#options.ways.includes("classic");
      if (isLeft || !hasNoSuchBuilder(thrown) || way.name !== buildkitWay(this.#options.engine).name) throw thrown;
      this.#withoutBuildkit = true;
      return this.run(order, course);
    }
  }

  async #best(): Promise<Way> {
    const { engine, docker, ways } = this.#options;
    if (docker && ways.includes("buildx")) this.#buildx ??= findBuildx(engine, docker);
    const buildx = await this.#buildx;
    if (buildx) return buildx;
    return ways.includes("buildkit") && !this.#withoutBuildkit ? buildkitWay(engine) : classicWay(engine);
  }
}
