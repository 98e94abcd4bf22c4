import { realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson, sha256 } from "../../../base/digest.ts";
import type { detect } from "../../../detect/detect.ts";
import { type BuildSteps, buildSteps } from "../../../detect/first-step.ts";
import { isRecipe } from "../../../detect/recipe.ts";
import { runChild } from "../../../host/child.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import type { ArtifactSpec } from "../../../model/release.ts";
import { type ContentStore, hexOf } from "../source/content-store.ts";
import { digestOf } from "../source/earlier.ts";
import { viewOf } from "../source/view.ts";

export interface PackagesOptions {
  readonly recipeOf: typeof detect;
  /** What programs of builds are given. */
  readonly env: Readonly<Record<string, string>>;
}

interface ForBuild {
  readonly key: EnvKey;
  /** Where programs are found. */
  readonly path: string;
}

/** A build in two steps, and the name of what the first makes. */
export interface NamedSteps extends BuildSteps {
  readonly packages: string;
}

/** How many sets of packages an environment keeps: those of a rollback beside its own. */
const keptEach = 2;
const keptForMs = 30 * 24 * 60 * 60 * 1_000;
/** On the disk for all environments. */
const keptBytes = 5 * 1024 ** 3;
const versionLimitMs = 10_000;
const environmentLength = 16;

/**
 * Packages that the first step of a build installed, kept for later builds of the same environment. A set is named by
 * all that the install can read: the files that it is given, its commands, the variables of the build, the versions of
 * the programs, and the path of the store, which scripts of packages may contain.
 */
export class KeptPackages {
  readonly #store: ContentStore;
  readonly #options: PackagesOptions;

  constructor(store: ContentStore, options: PackagesOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Null: the build is one command, of which nobody knows what it reads. */
  async stepsOf(
    { command, base, env }: ArtifactSpec,
    context: string,
    { key, path }: ForBuild,
  ): Promise<NamedSteps | null> {
    if (command === null || process.platform !== "linux") return null;
    const view = await viewOf(context);
    const found = this.#options.recipeOf(view, { base });
    const steps = isRecipe(found) ? buildSteps(command, found) : null;
    if (steps === null) return null;
    const { files, install, interpreters, tools } = steps;
    const read = view.paths.filter((path) => files.some((file) => path === file || path.startsWith(`${file}/`)));
    const versions = await Promise.all(interpreters.map((program) => this.#versionOf(program, path)));
    const programs = { versions, tools: tools.map((program) => fileOf(program, path)) };
    const made = { files: await digestOf(context, read), install, programs, env, store: this.#store.staging };
    const name = hexOf(sha256(canonicalJson(made))).slice(environmentLength);
    return { ...steps, packages: `sha256:${environmentOf(key)}${name}` };
  }

  /** The directory of a set that is there and whole, or null. */
  async find(packages: string, now: number): Promise<string | null> {
    if (!(await this.#store.has("packages", packages))) return null;
    await this.#store.dropIfDamaged("packages", packages, now);
    const isThere = await this.#store.touch("packages", packages, now);
    return isThere ? this.#store.path("packages", packages) : null;
  }

  /** Removes what is not likely to be asked for again. */
  async prune(now: number): Promise<void> {
    const all = [...(await this.#store.list(["packages"]))].sort((a, b) => b.touchedAt - a.touchedAt);
    const seen = new Map<string, number>();
    let bytes = 0;
    for (const { digest, touchedAt, bytes: own } of all) {
      const environment = hexOf(digest).slice(0, environmentLength);
      const newer = seen.get(environment) ?? 0;
      seen.set(environment, newer + 1);
      bytes += own;
      if (newer < keptEach && bytes <= keptBytes && now - touchedAt <= keptForMs) continue;
      bytes -= own;
      await this.#store.remove("packages", digest, touchedAt);
    }
  }

  /** What a program prints of its version; empty where there is none. Not in the source: some programs obey what it names. */
  async #versionOf(program: string, PATH: string): Promise<string> {
    try {
      const env = { ...this.#options.env, PATH };
      const { stdout, stderr } = await runChild([program, "--version"], { cwd: "/", env, withinMs: versionLimitMs });
      return `${stdout}${stderr}`;
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown) return "";
      throw thrown;
    }
  }
}

/** Which file a program is, in place of its version: several of them take half a second to say that. */
function fileOf(program: string, path: string): readonly (string | number)[] {
  for (const directory of path.split(":")) {
    const found = statSync(join(directory, program), { throwIfNoEntry: false });
    if (found?.isFile()) return [realpathSync(join(directory, program)), found.size, found.mtimeMs];
  }
  return [];
}

function environmentOf(key: EnvKey): string {
  return hexOf(sha256(keyText(key))).slice(0, environmentLength);
}
