import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../../base/digest.ts";
import { Fault, isErrno } from "../../../base/faults.ts";
import { inTurn } from "../../../base/serial.ts";
import { replaceFile } from "../../../host/files.ts";
import type { UidRange, User } from "../../../host/users.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import { ownersOfProcesses } from "./proc.ts";

/** Who the processes of an environment are; null: whoever runs the controller. */
export type UserOf = (key: EnvKey) => Promise<User | null>;

/** What is known beside the table of users. */
interface Known {
  /** The users that other controllers of this machine gave to their environments. */
  readonly others?: () => Promise<readonly number[]>;
  /** The owners of existing volumes, by `app/environment`. */
  readonly owners?: () => Readonly<Record<string, number>>;
}

/** What is recorded: the user of each environment, and the number that was given last. */
interface Table {
  readonly last: number;
  readonly users: Readonly<Record<string, number>>;
}

/**
 * A user for each environment, from a range. What was given once is never given to another environment, because files
 * of the old one may are in places that nobody here knows; a range that is used up can be made longer. Nor is given
 * what a process on this machine runs as, and what `others` are: users of other controllers with the same range. Two
 * that begin at once begin at places of their own. If the table is lost, an environment with volumes keeps their owner:
 * another user could not open them. Faults: `runtime.user` when none is left, `journal.damaged` when the table cannot be
 * read.
 */
export function userForEach(directory: string, range: UidRange, known: Known = {}): UserOf {
  const { others = async () => [], owners = () => ({}) } = known;
  const path = join(directory, ".users.json");
  let table: Table | null = null;
  const give = async (key: string): Promise<User> => {
    table ??= read(path) ?? { last: firstOf(directory, range) - 1, users: within(range, owners()) };
    const given = table.users[key];
    if (given !== undefined) return { uid: given, gid: given };
    const uid = nextFree(range, table, new Set([...ownersOfProcesses(), ...(await others())]));
    const next = { last: uid, users: { ...table.users, [key]: uid } };
    await replaceFile(path, `${JSON.stringify(next)}\n`);
    table = next;
    return { uid, gid: uid };
  };
  const next = inTurn();
  return (key) => next(() => give(keyText(key)));
}

/** The users that were given to the environments of a runtime in this directory. Fault: `journal.damaged`. */
export function usersGiven(directory: string): readonly number[] {
  return Object.values(read(join(directory, ".users.json"))?.users ?? {});
}

/** Everybody the same: `--run-as`, and a controller that is not root's. */
export function oneUser(user: User | null): UserOf {
  return async () => user;
}

/** An owner outside the range is from before the range: it was not given by a table. */
function within({ from, to }: UidRange, owners: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(owners).filter(([, uid]) => uid >= from && uid <= to));
}

function firstOf(directory: string, { from, to }: UidRange): number {
  return from + (Number.parseInt(sha256(directory).slice(-8), 16) % (to - from + 1));
}

function nextFree({ from, to }: UidRange, { last, users }: Table, taken: ReadonlySet<number>): number {
  const size = to - from + 1;
  const given = new Set(Object.values(users));
  const start = last >= from && last < to ? last + 1 - from : 0;
  for (let tried = 0; tried < size; tried += 1) {
    const uid = from + ((start + tried) % size);
    if (!given.has(uid) && !taken.has(uid)) return uid;
  }
  throw new Fault("runtime.user", `every user from ${from} to ${to} is assigned to an environment`, {
    hint: "Set a longer range that begins with the same number: --app-uids FROM-TO. Running apps are not affected.",
  });
}

function read(path: string): Table | null {
  try {
    const { last, users } = JSON.parse(readFileSync(path, "utf8")) as Table;
    if (Number.isInteger(last) && Object.values(users).every(Number.isInteger)) return { last, users };
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return null;
    if (!(thrown instanceof SyntaxError || thrown instanceof TypeError)) throw thrown;
  }
  throw new Fault("journal.damaged", `${path}, which records the users of environments, cannot be read`, {
    hint: "Restore it from a backup of the state directory. Running apps are not affected.",
  });
}
