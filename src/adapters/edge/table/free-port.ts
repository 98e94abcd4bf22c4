import { createServer } from "node:net";
import { Fault, isErrno } from "../../../base/faults.ts";
import { addressErrorOf, refusedAddress } from "../../../host/refused-address.ts";

/**
 * An unused port: the requested one, or any for 0. A program that cannot have it would report that only as text, after
 * its start. Faults: `listen.in-use`, `edge.unreachable`.
 */
export function freePort({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (thrown) => reject(listenFault(thrown, { host, port })));
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : port));
    });
  });
}

function listenFault(thrown: unknown, listen: { readonly host: string; readonly port: number }): unknown {
  if (isErrno(thrown, "EADDRINUSE")) {
    return new Fault("listen.in-use", `Another process listens on ${listen.host}:${listen.port}.`, { cause: thrown });
  }
  const error = addressErrorOf(thrown);
  if (error === null) return thrown;
  const { detail, hint } = refusedAddress(error, listen);
  return new Fault("edge.unreachable", detail, { cause: thrown, hint });
}
