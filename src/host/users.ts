import { readFileSync } from "node:fs";
import { Fault, isErrno } from "../base/faults.ts";

/** The user of a process. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Numbers of users, both ends included. */
export interface UidRange {
  readonly from: number;
  readonly to: number;
}

/** The users that a controller of root has for itself: their group has the user's own number. */
export interface Users {
  /** The edge runs as this user, and nothing else does. */
  readonly edge: User;
  /** Owns sources and artifacts; no app ever runs as it. */
  readonly store: User;
  /** What environments get, one each. */
  readonly apps: UidRange;
}

/**
 * Below what Debian, Fedora and others give to containers of users (SUB_UID_MIN of login.defs(5): 100000), above all that are given to
 * people, system services and systemd's dynamic users; of 65536 to 524287 systemd makes no use (systemd.io/UIDS-GIDS).
 */
export const defaultUids: UidRange = { from: 70_000, to: 79_999 };

/** The edge, the store and one environment. */
const fewest = 3;
/** A 32-bit number; the last one means "nobody in particular" to the kernel (chown(2)). */
const highest = 2 ** 32 - 2;
/** Who is below is a person's or the system's on every distribution (SYS_UID_MAX, UID_MIN). */
const lowest = 1_000;

/** What the machine says of user numbers. */
export interface NumbersInUse {
  /** /proc/self/uid_map and gid_map: which numbers there are at all. */
  readonly maps: readonly string[];
  /** /etc/passwd and /etc/group: who has one. */
  readonly names: readonly string[];
  /** /etc/subuid and /etc/subgid: what is given to containers of users. */
  readonly lent: readonly string[];
}

export function numbersInUse(): NumbersInUse {
  return {
    maps: ["/proc/self/uid_map", "/proc/self/gid_map"].map(textOf).filter((map) => map !== ""),
    names: ["/etc/passwd", "/etc/group"].map(textOf),
    lent: ["/etc/subuid", "/etc/subgid"].map(textOf),
  };
}

/** Divides a range. Faults: `runtime.user` when a number of it belongs to somebody else, or is none here. */
export function usersOf(range: UidRange, inUse = numbersInUse()): Users {
  const { from, to } = range;
  const reason = misfit(range, inUse);
  if (reason !== null) {
    throw new Fault("runtime.user", `apps cannot have the users ${from}-${to}: ${reason}`, {
      hint: "Choose another range with --app-uids, or one user for all apps with --run-as.",
    });
  }
  return {
    edge: { uid: from, gid: from },
    store: { uid: from + 1, gid: from + 1 },
    apps: { from: from + 2, to },
  };
}

function misfit({ from, to }: UidRange, { maps, names, lent }: NumbersInUse): string | null {
  if (to - from + 1 < fewest) return `the edge, the store and every environment need one each`;
  if (from < lowest || to > highest) return `they must be between ${lowest} and ${highest}`;
  if (!maps.every((map) => isMapped(map, { from, to }))) return "this container or user namespace does not have them";
  for (const text of names) {
    const taken = fieldsOf(text).find(([, , number]) => Number(number) >= from && Number(number) <= to);
    if (taken) return `${taken[2]} is ${taken[0]}`;
  }
  for (const text of lent) {
    const taken = fieldsOf(text).find(
      ([, first, count]) => Number(first) <= to && Number(first) + Number(count) > from,
    );
    if (taken) return `${taken[1]} and the ${taken[2]} from there on belong to containers of ${taken[0]}`;
  }
  return null;
}

/** Lines of user_namespaces(7): first number inside, first outside, count. Neighbouring lines are taken together. */
function isMapped(map: string, { from, to }: UidRange): boolean {
  const lines = map
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
  let next = from;
  for (const [first = 0, , count = 0] of lines) if (first <= next && first + count > next) next = first + count;
  return next > to;
}

function fieldsOf(text: string): readonly string[][] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"))
    .filter(([, , third]) => third !== undefined && /^\d+$/.test(third));
}

/** A user of this machine by name, or null. */
export function userNamed(name: string): User | null {
  const found = fieldsOf(textOf("/etc/passwd")).find(([login]) => login === name);
  return found ? { uid: Number(found[2]), gid: Number(found[3]) } : null;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "EACCES")) return "";
    throw thrown;
  }
}
