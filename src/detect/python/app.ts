import type { Django } from "./django.ts";

/** How a Python app is started. */
export interface PythonApp {
  readonly name: string;
  /** What says how it is started, as in a recipe. */
  readonly evidence: "declared" | "name";
  /** The name of its service. */
  readonly process: string;
  /** Relative to the directory of the source. */
  readonly command: readonly string[];
  readonly because: string;
  readonly port: number | null;
  readonly ready: string | null;
  readonly release: readonly string[] | null;
  /** A server that must be installed although nothing declares it. */
  readonly added: string | null;
  /** Whether the command is one that the project itself defines. */
  readonly self: boolean;
  readonly django: Django | null;
  /** The files that it starts with. */
  readonly entries: readonly string[];
  /** The directory of its modules; empty for the top. */
  readonly root: string;
  readonly warnings: readonly string[];
}

/** What most apps do not have. */
export const nothing = {
  evidence: "declared" as "declared" | "name",
  process: "web",
  ready: null,
  release: null,
  added: null,
  self: false,
  django: null,
  entries: [] as readonly string[],
  root: "",
  warnings: [] as readonly string[],
};
