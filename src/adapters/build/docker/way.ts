import type { Readable } from "node:stream";
import type { Secret } from "../../../base/secret.ts";
import type { Logins } from "./registries.ts";

/** Limits of builds and everything that they start; null means no limit. */
export interface BuildLimits {
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
}

/** One build, as input of every build method. */
export interface BuildOrder {
  /** The tag of the finished image. */
  readonly tag: string;
  /** The context as a tar, recreated for every try. */
  readonly tar: () => Readable;
  /** The path of the Dockerfile in it. */
  readonly dockerfile: string;
  readonly target: string | null;
  readonly args: Readonly<Record<string, string>>;
  /** Secrets that only a step that mounts them gets. */
  readonly secrets: Readonly<Record<string, Secret>>;
  /** For the images that the Dockerfile names. */
  readonly registries: Logins;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: BuildLimits;
}

/** The result of a build. `step`: the failed one, as in the Dockerfile; `code`: exit code of its command. */
export type BuildEnd =
  | { readonly ok: true }
  | { readonly ok: false; readonly step: string | null; readonly code: number | null; readonly words: string };

/** Output of a running build, and its cancellation. */
export interface BuildControl {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A build method: each tags the image only when it is complete. */
export interface Way {
  /** For people, in the log: `BuildKit of the engine`. */
  readonly name: string;
  run(order: BuildOrder, control: BuildControl): Promise<BuildEnd>;
}

/**
 * The code with which a step's command exited, from the end of the builder's message. BuildKit reports it nowhere else:
 * its `Vertex.error` and `errorDetail` are texts (`… exit code: 137`), without a code beside them. This is the only
 * place that parses them, and only the text of a fault depends on it.
 */
export function exitCodeIn(sentence: string): number | null {
  const found = /\bexit code: (\d{1,3})$/.exec(sentence.trim());
  return found ? Number(found[1]) : null;
}
