import type { EnvKey } from "./environment.ts";

export const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type Level = (typeof levels)[number];

/** One line of output of an instance or task. */
export interface LogLine {
  readonly at: number;
  readonly service: string;
  readonly instance: string;
  readonly release: number;
  readonly stream: "stdout" | "stderr";
  readonly level: Level | null;
  readonly message: string;
}

/** A line with its position in the environment's log: increasing without gaps, so that readers can resume. */
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
  /** An RE2 regular expression: no backtracking, so no input can make it hang. */
  readonly grep?: string;
}
