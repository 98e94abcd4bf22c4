import type { EnvKey } from "./environment.ts";

export const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type Level = (typeof levels)[number];

/** One line that an instance or task wrote. */
export interface LogLine {
  readonly at: number;
  readonly service: string;
  readonly instance: string;
  readonly release: number;
  readonly stream: "stdout" | "stderr";
  readonly level: Level | null;
  readonly message: string;
}

/** A line with its place in the environment's log: rising without gaps, so that a reader can go on where it stopped. */
export interface StoredLine extends LogLine {
  readonly sequence: number;
}

export interface LogFilter {
  readonly key: EnvKey;
  readonly services?: readonly string[];
  readonly release?: number;
  readonly instance?: string;
  /** This level and above; lines without a level count as info. */
  readonly level?: Level;
  readonly since?: number;
  readonly until?: number;
  /** A regular expression in RE2's sense: no backtracking, so no input can make it hang. */
  readonly grep?: string;
}
