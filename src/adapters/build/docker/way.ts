import type { Readable } from "node:stream";
import type { Secret } from "../../../base/secret.ts";
import type { Logins } from "./registries.ts";

/** What builds may use together with everything that they start; null means no limit. */
export interface BuildLimits {
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
}

/** One build as every way of building takes it. */
export interface BuildOrder {
  /** The tag that the image gets when it is whole. */
  readonly tag: string;
  /** The context as a tar, recreated for every try. */
  readonly tar: () => Readable;
  /** The Dockerfile's place in it. */
  readonly dockerfile: string;
  readonly target: string | null;
  readonly args: Readonly<Record<string, string>>;
  /** What a step can mount under its name, and nobody else gets. */
  readonly secrets: Readonly<Record<string, Secret>>;
  /** For the images that the Dockerfile names. */
  readonly registries: Logins;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: BuildLimits;
}

/** How a build went. `step`: the one that failed, as the Dockerfile has it; `code`: how its command exited. */
export type BuildEnd =
  | { readonly ok: true }
  | { readonly ok: false; readonly step: string | null; readonly code: number | null; readonly words: string };

/** What a build says while it continues, and how it is broken off. */
export interface BuildControl {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A way of building: each tags the image at once when it is whole, and never before. */
export interface Way {
  /** For people, in the log: `BuildKit of the engine`. */
  readonly name: string;
  run(order: BuildOrder, control: BuildControl): Promise<BuildEnd>;
}

/**
 * The code with which a step's command exited, from the end of the builder's own sentence. BuildKit says it nowhere else:
 * its `Vertex.error` and `errorDetail` are texts (`… exit code: 137`), without a code beside them. This is the only place
 * that reads them, and nothing but the words of a fault depends on it.
 */
export function exitCodeIn(sentence: string): number | null {
  const found = /\bexit code: (\d{1,3})$/.exec(sentence.trim());
  return found ? Number(found[1]) : null;
}
