import type { Socket } from "node:net";
import type { Capacity } from "../table/capacity.ts";
import { retryAfterS } from "../table/own-pages.ts";
import { endGently } from "./client-connection.ts";
import { headText } from "./headers.ts";
import { plainPage } from "./pages.ts";

/** All connections of clients to all doors of an edge. */
export class Crowd {
  readonly capacity: Capacity;
  readonly #clients = new Map<string, number>();
  #connections = 0;
  #turnedAway = 0;

  constructor(capacity: Capacity) {
    this.capacity = capacity;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Admits a connection until it closes, if there is capacity. `client` null: without a limit per client. */
  enter(socket: Socket, client: string | null): boolean {
    const { connections, perClient } = this.capacity;
    const own = client === null ? 0 : (this.#clients.get(client) ?? 0);
    if (this.#connections >= connections || own >= perClient) return false;
    this.#connections += 1;
    if (client !== null) this.#clients.set(client, own + 1);
    socket.once("close", () => {
      this.#connections -= 1;
      if (client !== null) this.#leave(client);
    });
    return true;
  }

  /** Closes a connection beyond the capacity; over plain HTTP some get an answer. */
  turnAway(socket: Socket, isPlain: boolean): void {
    socket.on("error", () => socket.destroy());
    if (!isPlain || this.#turnedAway >= this.capacity.turnedAway) return void socket.destroy();
    this.#turnedAway += 1;
    socket.once("close", () => {
      this.#turnedAway -= 1;
    });
    const { body, headers } = plainPage(503);
    socket.write(
      headText(503, [...headers, "retry-after", String(retryAfterS.unavailable), "connection", "close"]) + body,
    );
    endGently(socket);
  }

  #leave(client: string): void {
    const left = (this.#clients.get(client) ?? 1) - 1;
    if (left === 0) this.#clients.delete(client);
    else this.#clients.set(client, left);
  }
}
