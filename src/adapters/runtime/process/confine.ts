import { mkdtempSync, rmdirSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { runChild } from "../../../host/child.ts";
import type { User } from "../../../host/users.ts";

/**
 * Prepares what one instance sees and becomes what follows, in a mount namespace that ends with the last process in it:
 * `sh <this file> <closed> <spare> <scratch> <options> <tmp> <work> <app> <place…> -- <sealed…> -- <command…>`. Where `closed` is not empty,
 * that directory becomes an empty one that cannot be listed or written, with nothing in it but the places, at the paths
 * that they had. It is made at `spare`, a directory for that, and moved. What is sealed cannot be written. Where `work` is
 * not empty, it is also at `app`, and where `tmp` is not empty, `scratch` is also there, or without one a directory in
 * memory: names of sockets have at most 107 bytes (unix(7)). All of these are in directories that only root, or who
 * becomes the command, writes.
 */
export const roomScript = `umask 666
closed=$1 spare=$2 scratch=$3 options=$4 tmp=$5 work=$6 app=$7
shift 7
[ -z "$closed" ] || mount -n -t tmpfs -o size=1m,nr_inodes=1k,mode=0111,nosuid,nodev tmpfs "$spare" || exit 125
while [ "$1" != -- ]; do
  at=$spare\${1#"$closed"}
  if [ -d "$1" ]; then mkdir -p "$at"; else mkdir -p "\${at%/*}" && : >"$at"; fi || exit 125
  mount -n --bind "$1" "$at" || exit 125
  shift
done
shift
over() {
  at=$1
  [ -z "$closed" ] || case $1 in "$closed"/*) at=$spare\${1#"$closed"} && mkdir -p "$at" || exit 125 ;; esac
}
[ -z "$work" ] || { over "$app" && mount -n --bind "$work" "$at"; } || exit 125
if [ -n "$tmp" ]; then
  over "$tmp"
  if [ -n "$scratch" ]; then mount -n --bind "$scratch" "$at"; else mount -n -t tmpfs -o "$options" tmpfs "$at"; fi || exit 125
fi
[ -z "$closed" ] || { mount -n --move "$spare" "$closed" && mount -n -o remount,bind,ro "$closed"; } || exit 125
while [ "$1" != -- ]; do
  mount -n --bind "$1" "$1" && mount -n -o remount,bind,ro "$1" || exit 125
  shift
done
shift
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

/** No capabilities for good, and no program that gives any. */
const rightless = ["--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--"] as const;

/** Becomes a user for good: no groups beside its own, and no rights. */
function becoming({ uid, gid }: User): readonly string[] {
  return ["setpriv", "--reuid", `${uid}`, "--regid", `${gid}`, "--clear-groups", ...rightless];
}

/** The kernel counts all processes and threads of the user (RLIMIT_NPROC of setrlimit(2)). */
function limiting(most: number): readonly string[] {
  return ["prlimit", `--nproc=${most}:${most}`, "--"];
}

export type Argv = readonly [string, ...string[]];

/** A closed directory of which an instance sees nothing but some places. */
export interface View {
  readonly closed: string;
  /** An empty directory below it that no other user can reach. */
  readonly spare: string;
  /** Files and directories below `closed`, without links on the way; a place is not below another one. */
  readonly places: readonly string[];
}

/** What every instance has beside what it sees. */
export interface Furnishing {
  /** Directories that it may read and not write. */
  readonly sealed: readonly string[];
  /** Its working directory, and the path at which it finds it; null: where it is. */
  readonly work: { readonly from: string; readonly at: string } | null;
  /** Its temporary directory, and the path at which it finds it; `from` null: in memory. Null: where it is. */
  readonly tmp: { readonly from: string | null; readonly at: string } | null;
}

export interface Surroundings extends Furnishing {
  /** Null: an instance sees what its user may. */
  readonly view: View | null;
  /** Where `roomScript` lies. */
  readonly script: string;
  /** How many processes and threads its user may have at once; null: as many as the controller's own limit says. */
  readonly mostProcesses: number | null;
}

/** Arguments of `roomScript` for the two directories. */
function mountWords({ tmp, work }: Pick<Furnishing, "tmp" | "work">, options: string): readonly string[] {
  return [tmp?.from ?? "", options, tmp?.at ?? "", work?.from ?? "", work?.at ?? ""];
}

/** Root starts a command as a user, with surroundings of its own where it needs any. */
export function confined(user: User, around: Surroundings | null, command: Argv): Argv {
  const most = around?.mostProcesses ?? null;
  const limited = most === null ? [] : limiting(most);
  const become = [...limited, ...becoming(user), ...command] as unknown as Argv;
  if (around === null) return become;
  const { tmp, view, script, sealed, work } = around;
  if (tmp === null && view === null && work === null && sealed.length === 0) return become;
  const seen = [view?.closed ?? "", view?.spare ?? ""];
  const own = [...seen, ...mountWords({ tmp, work }, tmpfsOptions(user))];
  const words = [...own, ...(view?.places ?? []), "--", ...sealed, "--"];
  return ["unshare", "--mount", "--propagation", "slave", "--", "/bin/sh", script, ...words, ...become];
}

/**
 * A user who is not root starts a command in user, mount, PID and IPC namespaces of its own. It sees no process but its own,
 * and of what is closed nothing but its places; all that was mounted is locked by the time that it begins, also for
 * namespaces that it makes (mount_namespaces(7)). It leads a session of its own, so that what it sends to its process group
 * does not reach the supervisor. `script`: arguments by which a shell gets `roomScript`.
 */
export function namespaced(
  { closed, spare, places, sealed, work, tmp }: View & Furnishing,
  script: readonly string[],
  command: Argv,
): Argv {
  const own = ["--user", "--map-current-user", "--keep-caps", "--mount", "--pid", "--ipc", "--mount-proc"];
  const room = [
    "/bin/sh",
    ...script,
    closed,
    spare,
    ...mountWords({ tmp, work }, ""),
    ...places,
    "--",
    ...sealed,
    "--",
  ];
  return ["unshare", ...own, "--fork", "--kill-child", "--", ...room, "setsid", "setpriv", ...rightless, ...command];
}

/** Why a user who is not root cannot have that here, with a directory covered, in the system's own words; null: it can. */
export async function namespacesLack(closed: string): Promise<string | null> {
  const spare = mkdtempSync(join(closed, ".spare-"));
  try {
    const view = { closed, spare, places: [], sealed: [], work: null, tmp: null };
    return await failureOf(namespaced(view, ["-c", roomScript, "room"], ["/bin/true"]));
  } finally {
    rmdirSync(spare);
  }
}

/** Only tried out. */
const fewestProcesses = 1_000;

/** What this machine, or the container that it is, does not let root do, in the system's own words; null: it does. */
export interface Lacks {
  /** A temporary directory in memory, in a mount namespace of the instance. */
  readonly mounts: string | null;
  /** Giving up rights for good. */
  readonly rights: string | null;
  /** A limit of processes. */
  readonly limits: string | null;
}

export async function lacksFor(user: User): Promise<Lacks> {
  const mount = ["mount", "-n", "-t", "tmpfs", "-o", tmpfsOptions(user), "tmpfs", "/tmp"];
  const rights = await failureOf(confined(user, null, ["/bin/true"]));
  const mounts = rights ?? (await failureOf(["unshare", "--mount", "--propagation", "slave", "--", ...mount]));
  const limits = await failureOf([...limiting(fewestProcesses), "/bin/true"] as unknown as Argv);
  return { mounts, rights, limits };
}

async function failureOf(command: Argv): Promise<string | null> {
  try {
    const { code, stderr } = await runChild(command, { env: { PATH: rootPath }, withinMs: 10_000 });
    return code === 0 ? null : stderr.trim().slice(0, 200) || `${command[0]} ended with ${code}`;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
