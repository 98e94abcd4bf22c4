import { setTimeout } from "node:timers/promises";
import { Fault, isErrno } from "../../../base/faults.ts";
import { isAlive, type ProcessId } from "../../../host/alive.ts";
import { readText } from "../../../host/files.ts";
import { haproxyFiles } from "./files.ts";

/** Between two checks an ending edge. */
const lookMs = 10;
/** From the wish to stop until connections still open are cut. */
const drainMs = 10_000;

/** Which process is or was HAProxy's master in a directory; null when there was none, or it is in a container. */
export async function readHaproxyNote(directory: string): Promise<ProcessId | null> {
  const text = await readText(haproxyFiles(directory).process);
  const note = text === null ? null : (JSON.parse(text) as Partial<ProcessId>);
  return typeof note?.pid === "number" ? (note as ProcessId) : null;
}

/**
 * Stops the HAProxy of a directory: what is under way may finish, for at most 10 s. Returns when its process is gone, at
 * once when none runs. Fault `edge.unreachable` when it does not end.
 */
export async function stopHaproxy(directory: string): Promise<void> {
  const note = await readHaproxyNote(directory);
  if (note === null) return;
  for (const [signal, withinMs] of [
    ["SIGUSR1", drainMs],
    ["SIGTERM", 5_000],
    ["SIGKILL", 5_000],
  ] as const) {
    if (!isAlive(note)) return;
    try {
      process.kill(note.pid, signal);
    } catch (thrown) {
      if (!isErrno(thrown, "ESRCH")) throw thrown;
    }
    if (await isGone(note, withinMs)) return;
  }
  throw new Fault("edge.unreachable", `HAProxy (process ${note.pid}) does not end.`);
}

/** A signal to HAProxy's master and all its workers, which are one process group. */
export async function signalAll(directory: string, signal: NodeJS.Signals): Promise<void> {
  const note = await readHaproxyNote(directory);
  if (note === null || !isAlive(note)) return;
  try {
    process.kill(-note.pid, signal);
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH")) throw thrown;
  }
}

/** Ends master and workers at once. Fault `edge.unreachable` when the master does not end. */
export async function endAll(directory: string): Promise<void> {
  const note = await readHaproxyNote(directory);
  if (note === null) return;
  await signalAll(directory, "SIGKILL");
  if (await isGone(note, 5_000)) return;
  throw new Fault("edge.unreachable", `HAProxy (process ${note.pid}) neither answers nor ends.`);
}

async function isGone(note: ProcessId, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(note)) {
    if (performance.now() > deadline) return false;
    await setTimeout(lookMs);
  }
  return true;
}
