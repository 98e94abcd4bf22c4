import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { Fault, isErrno } from "../../../base/faults.ts";

export const loopback = "127.0.0.1";

/**
 * Gives out ports of a pool. It goes round the whole pool before a port comes again, so that a client that still dials
 * an ended instance's port does not meet another app at once.
 */
export class PortPool {
  readonly #from: number;
  readonly #size: number;
  readonly #reserved = new Set<number>();
  #next: number;

  /**
   * `last`: the port given last, which the pool goes on after. A new pool begins anywhere: a port is free until the instance
   * listens, so two controllers on one machine that both began at the first port would give out the same ones.
   */
  constructor(pool: { from: number; to: number }, last: number | null) {
    this.#from = pool.from;
    this.#size = pool.to - pool.from + 1;
    this.#next = last === null ? randomInt(this.#size) : Math.max(0, last - pool.from + 1);
  }

  /**
   * Reserves a port that nobody listens on and that `held` does not name; `free` ends the reservation.
   * Faults: `runtime.ports-exhausted`.
   */
  async reserve(held: (port: number) => boolean): Promise<number> {
    for (let tried = 0; tried < this.#size; tried += 1) {
      const port = this.#from + (this.#next % this.#size);
      this.#next = (this.#next + 1) % this.#size;
      if (this.#reserved.has(port) || held(port)) continue;
      this.#reserved.add(port);
      if (await isFree(port)) return port;
      this.#reserved.delete(port);
    }
    const last = this.#from + this.#size - 1;
    throw new Fault("runtime.ports-exhausted", `every port from ${this.#from} to ${last} is in use`);
  }

  free(port: number): void {
    this.#reserved.delete(port);
  }
}

/** Whether one can listen on the port right now; a listener on all addresses counts against it too. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => (isErrno(error, "EADDRINUSE", "EACCES") ? resolve(false) : reject(error)));
    server.listen({ host: loopback, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
