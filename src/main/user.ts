import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Fault } from "../base/faults.ts";

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Whom apps run as: null is whoever runs the controller. `warning` says why that is not as safe as it could be. */
export interface UserChoice {
  readonly runAs: RunAs | null;
  readonly warning: string | null;
}

/** The user that apps get when root did not name one: it owns nothing on any machine. */
const defaultUser = "nobody";

/**
 * Chooses the user of apps. Not root: the invoking user. Root: the named user, else `nobody` when it can reach the state
 * directory. Fault `runtime.user` for a name that does not exist.
 */
export function chooseUser(name: string | null, state: { directory: string; home: string }): UserChoice {
  if (process.getuid?.() !== 0) {
    if (name === null) return { runAs: null, warning: null };
    throw new Fault("runtime.user", `only root can run apps as ${name}`, {
      hint: "Leave --run-as out: apps then run as you do.",
    });
  }
  if (name === "root") return { runAs: null, warning: "apps run as root because --run-as says so" };
  const found = lookUp(name ?? defaultUser);
  if (!found) throw new Fault("runtime.user", `there is no user ${name ?? defaultUser} on this machine`);
  const blocked = firstClosed(state.directory);
  if (blocked === null) return { runAs: { ...found, home: state.home }, warning: null };
  const because = `${blocked} is closed to user ${name ?? defaultUser}`;
  if (name !== null) throw new Fault("runtime.user", because, { hint: "Choose another --state directory." });
  return { runAs: null, warning: `apps run as root because ${because}; use --state /var/lib/fairlead` };
}

/** The user that owns nothing on any machine, for what root starts and does not run as root. */
export function nobody(): { uid: number; gid: number } | null {
  return lookUp(defaultUser);
}

function lookUp(name: string): { uid: number; gid: number } | null {
  for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
    const [login, , uid, gid] = line.split(":");
    if (login === name && uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

/** The first directory on the way down to `path` that others may not pass through, or null. */
export function firstClosed(path: string): string | null {
  const above = dirname(path);
  const closed = above === path ? null : firstClosed(above);
  if (closed !== null) return closed;
  return statSync(path).mode & 0o001 ? null : path;
}
