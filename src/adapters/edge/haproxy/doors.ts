import { Fault } from "../../../base/faults.ts";
import { readText } from "../../../host/files.ts";
import type { Address } from "../../../model/instance.ts";
import type { Clock } from "../../../ports/clock.ts";
import { freePort } from "../table/free-port.ts";
import type { NotedDoor } from "../table/takeover.ts";
import { type EdgeFiles, type FileText, writeWhole } from "./files.ts";
import { pause } from "./pause.ts";

/** Workers of one that was killed end by themselves, a moment later. */
const patienceMs = 2_000;
/** Between two looks. */
const lookMs = 10;

/** The addresses that are asked for. */
export function doorsOf(at: { readonly files: EdgeFiles; readonly listen: Address; readonly secure: Address | null }) {
  const { files, listen, secure } = at;
  return [{ ...listen, note: files.port }, ...(secure === null ? [] : [{ ...secure, note: files.securePort }])];
}

/** Chooses and records the port for a starting edge. Faults: `listen.in-use`, `edge.unreachable`. */
export async function keptPort({ directory }: EdgeFiles, door: NotedDoor, clock: Clock): Promise<number> {
  const port = await choosePort(door, clock);
  await writeWhole(directory, [{ path: door.note, text: String(port) }]);
  return port;
}

/** What to note of doors that one which runs already is to move to, when it has. Faults: `listen.in-use`, `edge.unreachable`. */
export async function movedPorts(doors: readonly NotedDoor[], clock: Clock): Promise<readonly FileText[]> {
  const moved: FileText[] = [];
  for (const door of doors) {
    if (door.port === 0 || String(door.port) === (await readText(door.note))) continue;
    moved.push({ path: door.note, text: String(await choosePort(door, clock)) });
  }
  return moved;
}

/** A free port, as below, after a short wait for an edge that is ending. */
async function choosePort(listen: Address, clock: Clock): Promise<number> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await freePort(listen);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "listen.in-use" || performance.now() > deadline) throw thrown;
    }
    await pause(clock, lookMs);
  }
}
