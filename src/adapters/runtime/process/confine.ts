import { totalmem } from "node:os";
import { runChild } from "../../../host/child.ts";
import type { User } from "../../../host/users.ts";

/**
 * Mounts a temporary directory of its own and becomes what follows: `sh <this file> <directory> <options> <command…>`, in a
 * mount namespace that ends with the last process in it. The directory lies in one that only root writes.
 */
export const roomScript = `mount -n -t tmpfs -o "$2" tmpfs "$1" || exit 125
shift 2
exec "$@"
`;

/** Where root looks for programs: nothing that an app declares has a say in it. */
export const rootPath = "/usr/sbin:/usr/bin:/sbin:/bin";

const megabyte = 1024 * 1024;
/** A quarter of the memory for one instance's temporary files, and no more than a GiB: they count as memory. */
const temporaryBytes = Math.min(1024 * megabyte, Math.floor(totalmem() / 4));
/** The kernel keeps about 1 KiB of memory for each, which no `size` limits (tmpfs(5), nr_inodes). */
const temporaryFiles = 65_536;

function tmpfsOptions({ uid, gid }: User): string {
  return `size=${temporaryBytes},nr_inodes=${temporaryFiles},mode=0700,uid=${uid},gid=${gid},nosuid,nodev`;
}

/** Becomes a user for good: no groups beside its own, no capabilities, and no program that gives any. */
function becoming({ uid, gid }: User): readonly string[] {
  const ids = ["--reuid", `${uid}`, "--regid", `${gid}`, "--clear-groups"];
  return ["setpriv", ...ids, "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--"];
}

export type Command = readonly [string, ...string[]];

/** Root starts a command as a user, with a temporary directory in memory where `tmp` names one. */
export function confined(user: User, tmp: { directory: string; script: string } | null, command: Command): Command {
  if (tmp === null) return [...becoming(user), ...command] as unknown as Command;
  const mounting = ["/bin/sh", tmp.script, tmp.directory, tmpfsOptions(user)];
  return ["unshare", "--mount", "--propagation", "slave", "--", ...mounting, ...becoming(user), ...command];
}

/** What this machine, or the container that it is, does not let root do, in the system's own words; null: it does. */
export interface Lacks {
  /** A temporary directory in memory, in a mount namespace of the instance. */
  readonly mounts: string | null;
  /** Giving up rights for good. */
  readonly rights: string | null;
}

export async function lacksFor(user: User): Promise<Lacks> {
  const mount = ["mount", "-n", "-t", "tmpfs", "-o", tmpfsOptions(user), "tmpfs", "/tmp"];
  const rights = await failureOf(confined(user, null, ["/bin/true"]));
  const mounts = rights ?? (await failureOf(["unshare", "--mount", "--propagation", "slave", "--", ...mount]));
  return { mounts, rights };
}

async function failureOf(command: Command): Promise<string | null> {
  try {
    const { code, stderr } = await runChild(command, { env: { PATH: rootPath }, withinMs: 10_000 });
    return code === 0 ? null : stderr.trim().slice(0, 200) || `${command[0]} ended with ${code}`;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
