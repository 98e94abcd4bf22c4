import { createServer } from "node:net";
import { Fault, isErrno } from "../../../base/faults.ts";
import { readText } from "../../../host/files.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Listen } from "./config.ts";
import { type EdgeFiles, type FileText, writeWhole } from "./files.ts";
import { pause } from "./pause.ts";

/** Workers of one that was killed end by themselves, a moment later. */
const patienceMs = 2_000;
/** Between two looks. */
const lookMs = 10;

/** An address that is asked for, and the file that notes which port is had. */
export interface Door extends Listen {
  readonly note: string;
}

/** The port for one that starts, noted. Faults: `listen.in-use`, `edge.unreachable`. */
export async function keptPort({ directory }: EdgeFiles, door: Door, clock: Clock): Promise<number> {
  const port = await choosePort(door, clock);
  await writeWhole(directory, [{ path: door.note, text: String(port) }]);
  return port;
}

/** What to note of doors that one which runs already is to move to, when it has. Faults: `listen.in-use`, `edge.unreachable`. */
export async function movedPorts(doors: readonly Door[], clock: Clock): Promise<readonly FileText[]> {
  const moved: FileText[] = [];
  for (const door of doors) {
    if (door.port === 0 || String(door.port) === (await readText(door.note))) continue;
    moved.push({ path: door.note, text: String(await choosePort(door, clock)) });
  }
  return moved;
}

/** A port that nobody listens on, as below, after a little waiting for one that is on its way out. */
async function choosePort(listen: Listen, clock: Clock): Promise<number> {
  const deadline = clock.now() + patienceMs;
  for (;;) {
    try {
      return await freePort(listen);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "listen.in-use" || clock.now() > deadline) throw thrown;
    }
    await pause(clock, lookMs);
  }
}

/**
 * A port that nobody listens on: the one asked for, or a free one for 0. HAProxy itself would say so only in words.
 * Faults: `listen.in-use`, `edge.unreachable`.
 */
function freePort({ host, port }: Listen): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (thrown) => reject(listenFault(thrown, `${host}:${port}`)));
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : port));
    });
  });
}

function listenFault(thrown: unknown, where: string): unknown {
  if (isErrno(thrown, "EADDRINUSE")) {
    return new Fault("listen.in-use", `Something else listens on ${where}.`, { cause: thrown });
  }
  if (!isErrno(thrown, "EACCES", "EADDRNOTAVAIL", "ENOTFOUND")) return thrown;
  return new Fault("edge.unreachable", `The edge may not listen on ${where}.`, {
    cause: thrown,
    hint: "Choose an address of this machine, and a port from 1024 on unless the program may use lower ones.",
  });
}
