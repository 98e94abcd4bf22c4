import { setTimeout } from "node:timers/promises";
import { Fault, isErrno } from "../../../base/faults.ts";
import { noteInLog } from "../../../host/files.ts";
import { askEdge } from "./admin-client.ts";
import { embeddedFiles, isNotedRunning, type ProcessNote, readEmbeddedNote } from "./files.ts";
import { embeddedSettings } from "./settings.ts";

/** Between two checks an ending edge. */
const lookMs = 10;

/**
 * Stops the edge of a directory: running requests may finish, for at most 10 s. Returns when its process has ended, at
 * once if none runs. Fault `edge.unreachable` if it does not end.
 */
export async function stopEdge(directory: string): Promise<void> {
  const note = await readEmbeddedNote(directory);
  if (note === null || !(await isNotedRunning(note))) return;
  try {
    await askEdge(embeddedFiles(directory).socket, { method: "POST", path: "/stop" });
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== "edge.unreachable") throw thrown;
    await signal(note, "SIGTERM");
  }
  if (await isGone(note, embeddedSettings.drainMs + 5_000)) return;
  await signal(note, "SIGKILL");
  if (await isGone(note, 5_000)) return;
  throw new Fault("edge.unreachable", `The edge (process ${note.pid}) does not end.`);
}

interface Hung {
  readonly note: ProcessNote;
  readonly isStillSilent: () => Promise<boolean>;
}

/**
 * Kills an edge that does not answer, without waiting for its requests. One that was only stopped by a signal continues
 * and loses nothing. Its log has the action. Fault `edge.unreachable` if it does not end.
 */
export async function endHung(directory: string, { note, isStillSilent }: Hung): Promise<void> {
  await signal(note, "SIGCONT");
  const isSilent = await isStillSilent();
  await noteInLog(
    embeddedFiles(directory).log,
    isSilent ? "hung: killed by its controller" : "continues after SIGCONT",
  );
  if (!isSilent) return;
  await signal(note, "SIGKILL");
  if (await isGone(note, 5_000)) return;
  throw new Fault("edge.unreachable", `The edge (process ${note.pid}) neither answers nor ends.`);
}

async function isGone(note: ProcessNote, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (await isNotedRunning(note)) {
    if (performance.now() > deadline) return false;
    await setTimeout(lookMs);
  }
  return true;
}

async function signal(note: ProcessNote, name: NodeJS.Signals): Promise<void> {
  if (!(await isNotedRunning(note))) return;
  try {
    process.kill(note.pid, name);
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH")) throw thrown;
  }
}
