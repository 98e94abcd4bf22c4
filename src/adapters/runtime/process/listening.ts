import { readdirSync, readlinkSync } from "node:fs";
import { isErrno } from "../../../base/faults.ts";
import {
  allProcesses,
  hasVariable,
  type ListeningSocket,
  listeningSockets,
  type ProcessStat,
  processOwner,
  programOf,
  socketsOf,
} from "../../../host/proc.ts";
import { membersOf } from "./proc.ts";

export interface ProcessScope {
  readonly supervisor: number;
  /** The instance's name. */
  readonly name: string;
  /** The user that no process of another environment runs as; null where all are one user. */
  readonly uid: number | null;
}

interface Listener extends ListeningSocket {
  /** How precisely it is for who dials 127.0.0.1: the most precise one is asked. 0: not at all. */
  readonly precision: 0 | 1 | 2;
}

/** 127.0.0.1 and ::ffff:127.0.0.1, as proc(5) writes them on machines of either byte order. */
const loopbackAddress = /^(?:0100007F|7F000001|0{16}FFFF00000100007F|0{20}FFFF7F000001)$/;
const anyAddress = /^(?:0{8}|0{32})$/;

/**
 * The TCP ports on which an instance's own processes listen, rising. A port of which somebody else may hold the half that is
 * dialled (0.0.0.0 beside an own ::) is none of them: who dials 127.0.0.1 there cannot know who answers.
 * Where descriptors cannot be seen, what the environment's own user opened counts as the instance's.
 */
export function processPorts(whose: ProcessScope): readonly number[] {
  const own = new Set(ownProcesses(whose).flatMap(({ pid }) => socketsOf(pid)));
  const all = listeningSockets(whose.supervisor).map(asListener);
  const byUser = whose.uid !== null && hidesSockets(whose.supervisor);
  const isOwn = ({ inode, uid }: Listener) => (byUser ? uid === whose.uid : own.has(inode));
  const most = (listeners: readonly Listener[]) => Math.max(0, ...listeners.map(({ precision }) => precision));
  const ports = [...new Set(all.filter(isOwn).map(({ port }) => port))].filter((port) => {
    const there = all.filter((listener) => listener.port === port);
    const foreign = most(there.filter((listener) => !isOwn(listener)));
    return foreign === 0 || most(there.filter(isOwn)) > foreign;
  });
  return ports.sort((a, b) => a - b);
}

/**
 * The processes of an instance: the supervisor's group, all that came from it, also in sessions of their own, and those whose
 * parent is gone, by the name that they were started with; that anybody could give, so it counts for processes of a user
 * whom only this environment has.
 */
function ownProcesses({ supervisor, name, uid }: ProcessScope): readonly ProcessStat[] {
  const all = allProcesses();
  const own = new Map(membersOf(supervisor, all).map((member) => [member.pid, member]));
  const strays = all.filter(({ pid }) => uid !== null && processOwner(pid) === uid);
  for (const stray of strays) if (hasVariable(stray.pid, `FAIRLEAD_INSTANCE=${name}`)) own.set(stray.pid, stray);
  for (let before = -1; before !== own.size; ) {
    before = own.size;
    for (const each of all) if (own.has(each.parent)) own.set(each.pid, each);
  }
  return [...own.values()];
}

/** Whether a process's descriptors cannot be seen, as root cannot in a container without CAP_SYS_PTRACE (proc(5), ptrace(2)). */
export function hidesSockets(pid: number): boolean {
  try {
    // A directory that root may list, and links that it may not read.
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    return false;
  } catch (thrown) {
    if (isErrno(thrown, "EACCES", "EPERM")) return true;
    if (isErrno(thrown, "ENOENT", "ESRCH")) return false;
    throw thrown;
  }
}

function asListener(socket: ListeningSocket): Listener {
  const { address } = socket;
  return { ...socket, precision: loopbackAddress.test(address) ? 2 : anyAddress.test(address) ? 1 : 0 };
}

/** Who listens on a port of this machine, in words, as far as this user may know. */
export function portHolder(port: number): string | null {
  const there = listeningSockets().filter((socket) => socket.port === port);
  const inodes = new Set(there.map(({ inode }) => inode));
  if (inodes.size === 0) return null;
  const holder = allProcesses().find(({ pid }) => socketsOf(pid).some((inode) => inodes.has(inode)));
  if (holder === undefined) return "a process that cannot be inspected";
  return `${JSON.stringify(programOf(holder.pid))} (process ${holder.pid} of uid ${processOwner(holder.pid) ?? "unknown"})`;
}
