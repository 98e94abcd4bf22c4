import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../src/base/faults.ts";
import { ownEnvironment, runs } from "./run.ts";

/** A program that something here starts, and the Debian package that brings it. */
export interface Need {
  readonly program: string;
  readonly package: string;
}

const needs = {
  engine: [
    { program: "dockerd", package: "docker.io" },
    { program: "iptables", package: "iptables" },
  ],
  images: [{ program: "mmdebstrap", package: "mmdebstrap" }],
  /** What tests start beside the engine; a test without its program is skipped and says so. */
  tests: [
    { program: "haproxy", package: "haproxy" },
    { program: "pebble", package: "pebble" },
    { program: "python3", package: "python3" },
    { program: "nft", package: "nftables" },
    { program: "iptables", package: "iptables" },
    { program: "systemd-analyze", package: "systemd" },
    { program: "docker-registry", package: "docker-registry" },
    { program: "strace", package: "strace" },
    { program: "git", package: "git" },
    { program: "pip3", package: "python3-pip" },
    { program: "caddy", package: "caddy" },
    { program: "apache2", package: "libapache2-mod-php" },
    { program: "bundle", package: "ruby-bundler" },
    { program: "puma", package: "puma" },
  ],
} as const satisfies Record<string, readonly Need[]>;

/** The one list of programs beside Node and npm that tests and their engine need. */
export type Purpose = keyof typeof needs;

/** Where Debian keeps what only root uses, which is not on everybody's PATH. */
export const searchPath = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"].filter((at) => at !== "");

/** The path of a program, or null. */
export function findProgram(name: string, directories: readonly string[] = searchPath): string | null {
  return directories.map((directory) => join(directory, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES", "ENOTDIR")) return false;
    throw error;
  }
}

export interface Machine {
  readonly isDebian: boolean;
  readonly isRoot: boolean;
  readonly find: (program: string) => string | null;
  /** Runs a program with its output shown; whether it ended well. */
  readonly run: (command: readonly [string, ...string[]]) => Promise<boolean>;
}

export const thisMachine: Machine = {
  isDebian: existsSync("/etc/debian_version"),
  isRoot: process.getuid?.() === 0,
  find: findProgram,
  run: (command) => runs(command, { ...ownEnvironment(), DEBIAN_FRONTEND: "noninteractive" }),
};

/** The lists of packages are fetched once, however often something is missing. */
let listsAreFresh = false;

/**
 * Installs what is missing for a purpose where that is possible: as root, on Debian, with the network. Answers why
 * something is still missing, in words for people, or null when everything is there.
 */
export async function provide(purpose: Purpose, machine: Machine = thisMachine): Promise<string | null> {
  const absent = (): readonly Need[] => needs[purpose].filter(({ program }) => machine.find(program) === null);
  const missing = absent();
  if (missing.length === 0) return null;
  const programs = missing.map(({ program }) => program).join(", ");
  const packages = missing.map((need) => need.package);
  if (!machine.isDebian) return `${programs} is missing, and is installed automatically only on Debian`;
  if (!machine.isRoot) return `${programs} is missing; install it as root: apt-get install ${packages.join(" ")}`;
  // Fails as a whole when one of several sources is away; what is wanted may be in the others.
  if (!listsAreFresh) await machine.run(["apt-get", "update", "-q"]);
  listsAreFresh = true;
  // One by one, so that a package that this release of Debian does not have keeps none of the others away.
  for (const name of packages) await machine.run(["apt-get", "install", "-yq", "--no-install-recommends", name]);
  const left = absent().map(({ program }) => program);
  return left.length === 0 ? null : `${left.join(", ")} is missing and could not be installed`;
}
