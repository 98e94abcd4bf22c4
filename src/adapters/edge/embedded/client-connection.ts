import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { embeddedSettings } from "./settings.ts";

/** A request that waits until those before it on its connection are answered. */
interface Turn {
  readonly req: IncomingMessage | null;
  /** Null: what is served there ends the connection. */
  readonly res: ServerResponse | null;
  readonly serve: () => void;
}

const connections = new WeakMap<Socket, ClientConnection>();

/**
 * A client's connection. Its requests are served one after another: none is checked before the one in front of it is
 * answered, so that what is sent behind a refused one is never run. Once it is condemned nothing that comes on it is
 * read as a request any more.
 */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #behind: Turn[] = [];
  #isBusy = false;
  /** The request that is served now, where it is one that Node answers. */
  #current: IncomingMessage | null = null;
  #condemned = false;

  static of(socket: Socket): ClientConnection {
    const known = connections.get(socket);
    if (known !== undefined) return known;
    const connection = new ClientConnection(socket);
    connections.set(socket, connection);
    return connection;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether it is a request's turn at once, as it usually is; otherwise `take` it. */
  begin(req: IncomingMessage | null, res: ServerResponse | null): boolean {
    if (this.#condemned || this.#isBusy) return false;
    this.#isBusy = true;
    this.#current = req;
    res?.on("close", this.#next);
    return true;
  }

  /** Serves a request when its turn comes. */
  take(turn: Turn): void {
    if (this.#condemned) return;
    if (this.begin(turn.req, turn.res)) return turn.serve();
    this.#behind.push(turn);
    // Received data is kept; Node would continue to read.
    if (this.#behind.length >= embeddedSettings.pipelined) this.#socket.pause();
  }

  /** What came last cannot be read. `refuse` is called when its turn comes; false: it is a part of what is served now. */
  unreadable(refuse: () => void): boolean {
    if (this.#condemned) return true;
    const last = this.#behind.at(-1);
    if (last === undefined && this.#current?.complete === false) return false;
    if (last?.req?.complete === false) this.#behind.pop();
    this.take({ req: null, res: null, serve: refuse });
    return true;
  }

  /** Nothing more is read from here: it ends with the answer that is being given. */
  condemn(): void {
    if (this.#condemned) return;
    this.#condemned = true;
    this.#behind.length = 0;
    // What Node calls behind a last answer, which would close with bytes unread.
    this.#socket.destroySoon = () => endGently(this.#socket);
  }

  readonly #next = (): void => {
    this.#isBusy = false;
    this.#current = null;
    if (this.#condemned || this.#socket.destroyed || this.#socket.writableEnded) {
      this.#behind.length = 0;
      return;
    }
    const turn = this.#behind.shift();
    if (turn === undefined) return;
    if (this.#behind.length === 0 && this.#socket.isPaused()) this.#socket.resume();
    this.take(turn);
  };
}

/**
 * Ends a connection so that its client can read the last answer: the system would reset it because of unread bytes, and
 * lose the answer (RFC 9112 9.6). It discards what the client still sends, for a while.
 */
export function endGently(socket: Socket): void {
  if (socket.writable) socket.end();
  discard(socket);
}

/** Takes in what a refused client still sends, then cuts it off. */
export function discard(socket: Socket): void {
  const started = performance.now();
  let bytes = -1;
  const timer = setInterval(() => {
    if (socket.bytesRead === bytes || performance.now() - started > embeddedSettings.lingerMostMs) socket.destroy();
    bytes = socket.bytesRead;
  }, embeddedSettings.lingerMs);
  socket.once("close", () => clearInterval(timer));
  socket.resume();
}
