import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault, isErrno } from "../../../base/faults.ts";
import { isSqlite, sqliteCodes } from "./database.ts";

export interface Lease {
  /** Lets the state directory go. The end of the process, however it comes, does the same. */
  release(): void;
}

/** Locks of this process. A connection that nothing refers to is closed by the garbage collector, and its lock is gone. */
const locks = new Set<DatabaseSync>();

/** What `lease.json` says of the holder; `since` is ISO 8601. For people: the lock itself is the operating system's. */
interface Holder {
  readonly pid: number;
  readonly since: string;
  readonly who: string;
}

/**
 * Makes this process the only one that works on a state directory. The lock is an open exclusive transaction on
 * `lease.db`, which the system gives up when the process dies. `lease.db` must not be opened by other means in this
 * process: closing any descriptor of a file drops its POSIX locks (fcntl(2)). Fault: `controller.held`.
 */
export function holdState(directory: string, who: string): Lease {
  const connection = lock(directory);
  locks.add(connection);
  const file = join(directory, "lease.json");
  const holder: Holder = { pid: process.pid, since: new Date().toISOString(), who };
  writeFileSync(`${file}.new`, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return {
    release: () => {
      if (!connection.isOpen) return;
      rmSync(file, { force: true }); // before the lock goes: afterwards it may be another holder's
      connection.close();
      locks.delete(connection);
    },
  };
}

function lock(directory: string): DatabaseSync {
  const file = join(directory, "lease.db");
  const connection = new DatabaseSync(file, { timeout: 0 });
  try {
    connection.exec("BEGIN EXCLUSIVE");
    chmodSync(file, 0o600);
    return connection;
  } catch (thrown) {
    connection.close();
    if (isSqlite(thrown, sqliteCodes.busy)) throw held(directory, thrown);
    throw thrown;
  }
}

function held(directory: string, cause: unknown): Fault {
  const holder = readHolder(join(directory, "lease.json"));
  const by = holder ? `process ${holder.pid} (${holder.who}) since ${holder.since}` : "a process that is just starting";
  return new Fault("controller.held", `${directory} is in use by ${by}`, { cause });
}

function readHolder(file: string): Holder | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Holder;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT") || thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}
