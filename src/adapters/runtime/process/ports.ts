import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { sha256 } from "../../../base/digest.ts";
import { Fault, isErrno } from "../../../base/faults.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import { portHolder } from "./listening.ts";

export const loopback = "127.0.0.1";

/**
 * An address that leads to this machine from this machine only: all of 127.0.0.0/8 does on Linux (RFC 1122, 3.2.1.3), and
 * needs no name to be found by. The half without 127.0.0.1; two services of a machine meet on one once in some thousands,
 * and the second deployment is refused for it.
 */
export function loopbackAddress(key: EnvKey, service: string): string {
  const digest = Buffer.from(sha256(`${keyText(key)} ${service}`).slice(-6), "hex");
  return `127.${128 + (digest.readUInt8(0) % 127)}.${digest.readUInt8(1)}.${1 + (digest.readUInt8(2) % 254)}`;
}

/**
 * Gives out ports of a pool. It goes round the whole pool before a port comes again, so that a client that still dials
 * an ended instance's port does not meet another app at once.
 */
export class PortPool {
  readonly #from: number;
  readonly #size: number;
  readonly #reserved = new Set<number>();
  readonly #taken: (port: number) => void;
  #next: number;

  /**
   * `last`: the port given last, which the pool goes on after. A new pool begins anywhere: a port is free until the instance
   * listens, so two controllers on one machine that both began at the first port would give out the same ones.
   * `taken` is told of each port that somebody else listens on.
   */
  constructor(
    pool: { from: number; to: number },
    { last, taken }: { last: number | null; taken: (port: number) => void },
  ) {
    this.#from = pool.from;
    this.#size = pool.to - pool.from + 1;
    this.#taken = taken;
    this.#next = last === null ? randomInt(this.#size) : Math.max(0, last - pool.from + 1);
  }

  /**
   * Reserves a port that nobody listens on and that `held` does not name; `free` ends the reservation.
   * Faults: `runtime.ports-exhausted`.
   */
  async reserve(held: (port: number) => boolean): Promise<number> {
    const strangers: number[] = [];
    for (let tried = 0; tried < this.#size; tried += 1) {
      const port = this.#from + (this.#next % this.#size);
      this.#next = (this.#next + 1) % this.#size;
      if (this.#reserved.has(port) || held(port)) continue;
      this.#reserved.add(port);
      if (await isFree(port)) return port;
      this.#reserved.delete(port);
      this.#taken(port);
      strangers.push(port);
    }
    const range = `every port from ${this.#from} to ${this.#from + this.#size - 1} is in use`;
    const some = strangers.slice(0, 3).map((port) => `${port} by ${portHolder(port) ?? "something unknown"}`);
    const others =
      some.length === 0 ? "" : `, ${strangers.length} by processes that are not instances: ${some.join(", ")}`;
    throw new Fault("runtime.ports-exhausted", `${range}${others}`);
  }

  free(port: number): void {
    this.#reserved.delete(port);
  }
}

/**
 * Whether one can listen on the port right now, on every address: an instance may choose any, and one on which a part is taken
 * would be answered by two. Without IPv6 there is only the other half.
 */
async function isFree(port: number): Promise<boolean> {
  return (await canListen("::", port)) && canListen("0.0.0.0", port);
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => {
      if (isErrno(error, "EAFNOSUPPORT", "EADDRNOTAVAIL")) resolve(true);
      else if (isErrno(error, "EADDRINUSE", "EACCES")) resolve(false);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
