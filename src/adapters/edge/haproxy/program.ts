import { Fault } from "../../../base/faults.ts";
import { startTimeOf } from "../../../host/alive.ts";
import { runChild, startChild } from "../../../host/child.ts";
import { openLog } from "../../../host/files.ts";
import type { EdgeFiles } from "./files.ts";
import { endAll, signalAll } from "./stop.ts";

/** How HAProxy runs: as a program of this machine, or in a container. It keeps running without this process. */
export interface Runner {
  /** Where its own words are, for people. */
  readonly log: string;
  /** Its version, e.g. [3, 2]. Fault `edge.unreachable` when there is none. */
  version(): Promise<readonly [number, number]>;
  /** What is wrong with a configuration; null: nothing. */
  check(config: string): Promise<string | null>;
  /** Removes what is left of one that can no longer be reached, with its ports. Idempotent. */
  clear(): Promise<void>;
  /** Whether what runs, or would be started, may become another user. */
  canDrop(): Promise<boolean>;
  /** Continues one that a signal stopped. No effect on a running one. */
  wake(): Promise<void>;
  /** Kills all of it at once, without waiting for requests. Fault `edge.unreachable` if it does not end. */
  end(): Promise<void>;
  /** Starts it from the configuration on disk, if no previous one is left. The result tells whether it has ended. */
  start(): Promise<() => boolean>;
  /** Whether somebody else starts it again when it has ended, and is at it. */
  isReviving(): Promise<boolean>;
  /** What finds it again, for whom the master has this pid by its own account. */
  identify(pid: number): Promise<object>;
}

export interface ProgramOptions {
  /** E.g. `haproxy`, searched for on the PATH of `env`. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

/** HAProxy as it is installed on this machine. */
export function programRunner({ program, env }: ProgramOptions, files: EdgeFiles): Runner {
  return {
    log: files.log,
    async version() {
      const { stdout } = await run([program, "-v"], env);
      return parseVersion(stdout);
    },
    async check(config) {
      const { code, stderr } = await run([program, "-c", "-f", config], env);
      return code === 0 ? null : stderr.trim();
    },
    // Of a program whose directory is gone nothing says which process it was.
    clear: async () => undefined,
    canDrop: async () => true,
    wake: () => signalAll(files.directory, "SIGCONT"),
    end: () => endAll(files.directory),
    async start() {
      const log = await openLog(files.log);
      let gone = false;
      try {
        const command = [program, "-W", "-S", `${files.master},mode,600`, "-f", files.config] as const;
        const child = startChild([...command], { env, stdio: ["ignore", log.fd, log.fd], detached: true });
        for (const event of ["exit", "error"]) {
          child.once(event, () => {
            gone = true;
          });
        }
        child.unref();
        return () => gone;
      } finally {
        await log.close();
      }
    },
    isReviving: async () => false,
    identify: async (pid) => ({ pid, startTime: startTimeOf(pid) }),
  };
}

/** The two leading numbers of `HAProxy version 2.6.12-1 …`. */
export function parseVersion(text: string): readonly [number, number] {
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(text) ?? [];
  if (major === undefined || minor === undefined)
    throw new Fault("edge.unreachable", "HAProxy did not report its version.");
  return [Number(major), Number(minor)];
}

async function run(command: readonly [string, ...string[]], env: Readonly<Record<string, string>>) {
  try {
    return await runChild(command, { env });
  } catch (thrown) {
    throw new Fault("edge.unreachable", `${command[0]} could not be started.`, {
      cause: thrown,
      hint: "Install HAProxy 2.6 or newer, or run it as a container.",
    });
  }
}
