import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { lacksFor, namespacesLack } from "../adapters/runtime/process/confine.ts";
import { Fault } from "../base/faults.ts";
import { type UidRange, type User, type Users, userNamed, usersOf } from "../host/users.ts";

/** Whom a controller starts things as; null is whoever runs it. */
export interface UserChoice {
  readonly edge: User | null;
  /** Owns sources and artifacts. */
  readonly store: User | null;
  /** A range: every environment has a user of its own. */
  readonly apps: UidRange | User | null;
  /**
   * A directory on the way to the state directory through which these users cannot pass, or which is covered in the
   * namespaces that apps get because there are no such users; null: there is none.
   */
  readonly closed: string | null;
  /** Why apps are not as well apart as they could be, and what to do. */
  readonly warning: string | null;
}

/** All is done as whoever runs the controller. */
export const nobodyElse: UserChoice = { edge: null, store: null, apps: null, closed: null, warning: null };

const unprivileged =
  "apps run as the controller's own user: they can read its vault.key, call its socket and end each other; " +
  "to isolate them, run the controller as root or on a container engine, or allow it to create user namespaces";

/**
 * Chooses users. Not root: the invoking user for all. Root: those of the range, or the named user for all apps.
 * Fault `runtime.user` for a name that does not exist and a range that does not fit.
 */
export function chooseUsers(given: { runAs: string | null; appUids: UidRange; stateDirectory: string }): UserChoice {
  const { runAs, appUids, stateDirectory } = given;
  if (process.getuid?.() !== 0) {
    if (runAs === null) return { ...nobodyElse, warning: unprivileged };
    throw new Fault("runtime.user", `only root can run apps as ${runAs}`, {
      hint: "Omit --run-as: apps then run as your user.",
    });
  }
  const one = runAs === null ? null : userNamed(runAs);
  if (runAs !== null && one === null) throw new Fault("runtime.user", `there is no user ${runAs} on this machine`);
  const closed = firstClosed(stateDirectory);
  if (one === null) return { ...usersOf(appUids), closed, warning: null };
  const { edge, store } = fittingOr(appUids, { edge: one, store: null });
  if (one.uid === 0) {
    return { edge, store, apps: null, closed: null, warning: "apps run as root because of --run-as" };
  }
  const warning = `all apps run as ${runAs} because of --run-as: they can read, change and end each other`;
  return { edge, store, apps: one, closed, warning };
}

/** What it means that a build and its instances do not find their directory at the same path. */
export const movedPaths =
  "what a build writes with its own path in it, like the programs of a Python environment, does not start";

/**
 * Where the kernel lets a controller that is not root's make namespaces, its apps get their own, in which the state directory is
 * covered. Else the warning says why they have none.
 */
export async function withNamespaces(choice: UserChoice, stateDirectory: string): Promise<UserChoice> {
  if (choice.warning !== unprivileged) return choice;
  const closed = realpathSync(stateDirectory);
  const lack = await namespacesLack(closed);
  return lack === null
    ? { ...choice, closed, warning: null }
    : { ...choice, warning: `${unprivileged} (${lack}); ${movedPaths}` };
}

/**
 * Apps in a closed directory need a view of their own through it, which a machine or container may not have. Fault
 * `runtime.user` then: nobody should run apps as root without having said so.
 */
export async function refuseClosed({ apps, closed }: UserChoice): Promise<void> {
  if (apps === null || closed === null) return;
  const user = "from" in apps ? { uid: apps.from, gid: apps.from } : apps;
  const lack = closed === "/" ? "nothing can lie above it" : (await lacksFor(user)).mounts;
  if (lack === null) return;
  throw new Fault(
    "runtime.user",
    `${closed} is closed to the users of apps, and cannot be replaced in their view: ${lack}`,
    {
      hint: "Choose an open directory, like `--state /var/lib/fairlead`; `fairlead controller --run-as root` runs apps as root anyway.",
    },
  );
}

/** Where a container has too few users for a range, one that is named is what there is. */
function fittingOr<Other>(range: UidRange, other: Other): Users | Other {
  try {
    return usersOf(range);
  } catch (thrown) {
    if (thrown instanceof Fault) return other;
    throw thrown;
  }
}

/** The user that owns nothing on any machine, for what root starts and does not run as root. */
export function nobody(): User | null {
  return userNamed("nobody");
}

/** The first directory on the real way down to `path` that others may not pass through, or null. */
export function firstClosed(path: string): string | null {
  return firstClosedOf(realpathSync(path));
}

function firstClosedOf(path: string): string | null {
  const above = dirname(path);
  const closed = above === path ? null : firstClosedOf(above);
  if (closed !== null) return closed;
  return statSync(path).mode & 0o001 ? null : path;
}
