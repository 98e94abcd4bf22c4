import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { childOutput } from "./child.ts";

/** A Node of this machine: `directory` has the program `node`. */
export interface InstalledNode {
  readonly directory: string;
  /** `22.11.0` */
  readonly version: string;
}

export interface NodePlaces {
  /** Directories of programs, as in PATH. */
  readonly path: string;
  readonly home: string | undefined;
  /** The directory of Fairlead's own, which everybody can reach. */
  readonly own: string;
  /** Whether those who are to start a program can reach it. */
  readonly isOpen: (program: string) => boolean;
}

/** Where version managers keep each Node, below the home directory: nvm, fnm, Volta, asdf, mise, nodenv. */
const managed = [
  ".nvm/versions/node/*/bin",
  ".local/share/fnm/node-versions/*/installation/bin",
  ".fnm/node-versions/*/installation/bin",
  ".volta/tools/image/node/*/bin",
  ".asdf/installs/nodejs/*/bin",
  ".local/share/mise/installs/node/*/bin",
  ".nodenv/versions/*/bin",
];
/** The same for all users. */
const shared = ["/usr/local/nvm/versions/node/*/bin", "/usr/local/n/versions/node/*/bin", "/opt/*/bin"];
const versionLimitMs = 10_000;
const versions = new Map<string, string | null>();

/**
 * Every Node that can be reached: first those in PATH, in its order, then those of version managers, the newest first,
 * then Fairlead's own.
 */
export function installedNodes({ path, home, own, isOpen }: NodePlaces): readonly InstalledNode[] {
  const named = path.split(":").filter((directory) => directory.startsWith("/"));
  const others = [...managed.map((place) => join(home ?? "/", place)), ...shared].flatMap(matching).sort(newestFirst);
  const all = [...new Set([...named, "/usr/local/bin", "/usr/bin", ...others, own])];
  return all.flatMap((directory) => {
    const program = join(directory, "node");
    const version = existsSync(program) && (directory === own || isOpen(program)) ? versionOf(directory) : null;
    return version === null ? [] : [{ directory, version }];
  });
}

/** The directories that a path with one `*` matches. */
function matching(place: string): readonly string[] {
  const [above = "", below = ""] = place.split("*");
  if (!existsSync(above)) return [];
  return readdirSync(above).map((name) => join(above, name, below));
}

function newestFirst(one: string, other: string): number {
  return other.localeCompare(one, "en", { numeric: true });
}

/** Asked once of each file. Not in the working directory: some programs obey what is there. */
function versionOf(directory: string): string | null {
  const program = realpathSync(join(directory, "node"));
  const file = `${join(directory, "node")} ${program} ${statSync(program).mtimeMs}`;
  let version = versions.get(file);
  if (version === undefined) {
    const env = { PATH: `${directory}:/usr/bin:/bin`, HOME: "/" };
    const told = childOutput([join(directory, "node"), "--version"], {
      cwd: "/",
      env,
      limit: 1_000,
      withinMs: versionLimitMs,
    });
    version = /^v(\d+\.\d+\.\d+)/.exec(told ?? "")?.[1] ?? null;
    versions.set(file, version);
  }
  return version;
}
