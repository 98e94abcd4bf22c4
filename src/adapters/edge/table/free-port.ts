import { createServer } from "node:net";
import { Fault, isErrno } from "../../../base/faults.ts";

/**
 * An unused port: the requested one, or any for 0. A program that cannot have it would report that only as text, after
 * its start. Faults: `listen.in-use`, `edge.unreachable`.
 */
export function freePort({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
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
    return new Fault("listen.in-use", `Another process listens on ${where}.`, { cause: thrown });
  }
  if (!isErrno(thrown, "EACCES", "EADDRNOTAVAIL", "ENOTFOUND")) return thrown;
  return new Fault("edge.unreachable", `The edge is not allowed to listen on ${where}.`, {
    cause: thrown,
    hint: "Choose an address of this machine, and a port from 1024 on unless the program may use lower ones.",
  });
}
