import { createServer } from "node:net";
import { Fault, isErrno } from "../../../base/faults.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Listen } from "./config.ts";
import { pause } from "./pause.ts";

/** Workers of one that was killed end by themselves, a moment later. */
const patienceMs = 2_000;
/** Between two looks. */
const lookMs = 10;

/** A port that nobody listens on, as below, after a little waiting for one that is on its way out. */
export async function choosePort(listen: Listen, clock: Clock): Promise<number> {
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
