import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { isAlive, type ProcessId, userOf } from "../../../host/alive.ts";

/** A unix socket's path must fit into `sun_path`: 108 bytes with its final zero on Linux, 104 on macOS. */
const socketPathBytes = process.platform === "darwin" ? 103 : 107;

/** What the edge keeps in its directory. */
export function embeddedFiles(directory: string) {
  return {
    socket: join(directory, "edge.sock"),
    process: join(directory, "edge.json"),
    port: join(directory, "edge.port"),
    securePort: join(directory, "edge.secure-port"),
    certificates: join(directory, "certificates.json"),
    tables: join(directory, "tables"),
    log: join(directory, "edge.log"),
  };
}

/** Fault `usage.invalid` when the directory's path is too long for the admin socket. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= socketPathBytes) return;
  throw new Fault(
    "usage.invalid",
    `The edge's socket ${path} has ${bytes} bytes; the system allows ${socketPathBytes}.`,
    {
      hint: "Choose a state directory with a shorter path.",
    },
  );
}

/** Which process is or was the edge of a directory, and where it listens. */
export interface ProcessNote extends ProcessId {
  /** Whose file the note is: about other users' processes its author has nothing to say. */
  readonly author: number;
  readonly host: string;
  readonly port: number;
}

/** The note in a directory; null when there is none that can be read, which only costs a remembered port. */
export async function readEmbeddedNote(directory: string): Promise<ProcessNote | null> {
  try {
    await using file = await open(embeddedFiles(directory).process, constants.O_RDONLY | constants.O_NOFOLLOW);
    const note = JSON.parse(await file.readFile("utf8")) as Partial<ProcessNote> | null;
    const good = Number.isSafeInteger(note?.pid) && Number(note?.pid) > 0 && Number.isSafeInteger(note?.port);
    return good ? { ...(note as ProcessNote), author: (await file.stat()).uid } : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError || isErrno(thrown, "ENOENT", "ELOOP")) return null;
    throw thrown;
  }
}

/** Whether the process of a note runs. A note that its edge's user wrote leads to no process of anybody else. */
export async function isNotedRunning(note: ProcessNote): Promise<boolean> {
  if (!isAlive(note)) return false;
  return process.platform !== "linux" || userOf(note.pid) === note.author;
}
