import { closeSync } from "node:fs";
import { makePipes } from "../../../host/pipes.ts";
import { allProcesses, hasVariable } from "../../../host/proc.ts";
import { TaskStreams } from "../../../host/task-streams.ts";
import { openTerminal } from "../../../host/terminal.ts";
import type { User } from "../../../host/users.ts";
import type { TerminalSize } from "../../../model/instance.ts";
import type { Attachment } from "../../../ports/runtime.ts";
import { send } from "./signals.ts";

/** The streams of an attached task, and the descriptors of the side that it inherits. */
export interface TaskEnds {
  readonly theirs: readonly [number, number, number];
  readonly streams: TaskStreams;
  readonly resize: Attachment["resize"];
}

interface Owner {
  /** Whom the task runs as; null: whoever runs the controller. */
  readonly user: User | null;
  /** A directory of the task in which only the controller writes. */
  readonly directory: string;
  readonly path: string;
}

/** A terminal of this size, or with null three pipes. Faults: those of `openTerminal` and `makePipes`. */
export async function openEnds(terminal: TerminalSize | null, { user, directory, path }: Owner): Promise<TaskEnds> {
  if (terminal === null) {
    const { theirs, ours } = await makePipes(directory, { user, path });
    const [stdin, stdout, stderr] = ours;
    return { theirs, streams: new TaskStreams({ stdin, stdout, stderr }), resize: async () => undefined };
  }
  const { theirs, ours, resize } = openTerminal(terminal.columns, terminal.rows, user);
  return {
    theirs: [theirs, theirs, theirs],
    streams: new TaskStreams({ stdin: ours, stdout: ours, stderr: null }),
    resize: async ({ columns, rows }) => resize(columns, rows),
  };
}

/** The task has its own copies. */
export function closeTheirs({ theirs }: TaskEnds): void {
  for (const file of new Set(theirs)) closeSync(file);
}

export function attachmentOf({ streams, resize }: TaskEnds, release: () => void): Attachment {
  return {
    stdout: streams.stdout,
    stderr: streams.stderr,
    write: (bytes) => streams.write(bytes),
    end: () => streams.end(),
    resize,
    hangUp: () => streams.close(),
    release,
  };
}

/**
 * Ends what the session of a task's supervisor still has: a shell on a terminal gives each of its jobs a group of its own.
 * The number may be another process's by now, whose session does not have the task's name.
 */
export function endSession(supervisor: number, name: string): void {
  const own = allProcesses().filter(({ session }) => session === supervisor);
  for (const { pid } of own) if (hasVariable(pid, `FAIRLEAD_INSTANCE=${name}`)) send(pid, "SIGKILL");
}
