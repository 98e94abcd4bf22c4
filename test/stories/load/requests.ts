import { connect, type Socket } from "node:net";
import { readAnswer } from "./answer.ts";
import type { Tally } from "./tally.ts";

/** Where the load goes: an address to dial, and the name in the Host header (`*.localhost` needs no resolver so). */
export interface Target {
  readonly address: string;
  readonly port: number;
  readonly host: string;
}

/** Longer than any hold of the edge, so that a held request is no failure and a forgotten one is. */
const answerWithinMs = 15_000;
const pauseAfterFailureMs = 10;
const tickMs = 2;
const largestAnswer = 1024 * 1024;

/** One keep-alive connection with one request under way at a time. It never repeats a request. */
class Connection {
  readonly #target: Target;
  readonly #tally: Tally;
  readonly #whenIdle: (connection: Connection, afterMs: number) => void;
  readonly #request: string;
  #socket: Socket | null = null;
  #bytes: Buffer = Buffer.alloc(0);
  #sentAt: number | null = null;

  constructor(target: Target, tally: Tally, whenIdle: (connection: Connection, afterMs: number) => void) {
    this.#target = target;
    this.#tally = tally;
    this.#whenIdle = whenIdle;
    this.#request = `GET /version HTTP/1.1\r\nHost: ${target.host}\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n`;
  }

  get isBusy(): boolean {
    return this.#sentAt !== null;
  }

  send(): void {
    this.#sentAt = performance.now();
    this.#tally.sent();
    this.#socket ??= this.#open();
    this.#socket.write(this.#request);
  }

  giveUpIfLate(): void {
    if (this.#sentAt !== null && performance.now() - this.#sentAt > answerWithinMs) this.#lost("no answer in time");
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    const socket = connect({ host: this.#target.address, port: this.#target.port, noDelay: true });
    this.#bytes = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => this.#read(socket, bytes));
    socket.on("end", () => {
      if (this.#socket !== socket) return;
      if (this.isBusy && this.#finish(true)) return;
      if (this.isBusy) this.#lost("connection closed before the answer");
      else this.close();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (this.#socket !== socket) return;
      this.#lost(this.isBusy ? `connection failed: ${error.code}` : `idle connection failed: ${error.code}`);
    });
    return socket;
  }

  #read(socket: Socket, bytes: Buffer): void {
    if (this.#socket !== socket) return;
    if (!this.isBusy) return this.#lost("an answer that nobody asked for");
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    if (!this.#finish(false) && this.#bytes.length > largestAnswer) this.#lost("an answer without end");
  }

  /** Takes a whole answer out of the bytes; false while there is none. */
  #finish(ended: boolean): boolean {
    const answer = readAnswer(this.#bytes, ended);
    if (answer === null || this.#sentAt === null) return false;
    const tookMs = performance.now() - this.#sentAt;
    this.#bytes = this.#bytes.subarray(answer.length);
    this.#sentAt = null;
    if (answer.closes || ended) this.close();
    const good = answer.status >= 200 && answer.status < 400;
    if (good) this.#tally.answered(tookMs, answer.body);
    else this.#tally.fail(`GET /version → ${answer.status}`);
    this.#whenIdle(this, good ? 0 : pauseAfterFailureMs);
    return true;
  }

  #lost(what: string): void {
    const wasBusy = this.isBusy;
    this.#sentAt = null;
    this.close();
    this.#tally.fail(what);
    if (wasBusy) this.#whenIdle(this, pauseAfterFailureMs);
  }
}

/**
 * Sends `GET /version` over N keep-alive connections until told to stop: at a rate (spread over the connections that are
 * free; what finds none free waits), or as fast as answers come. The answer resolves when nothing is under way.
 */
export function startRequests(
  target: Target,
  tally: Tally,
  { connections, ratePerSecond }: { connections: number; ratePerSecond?: number },
): () => Promise<void> {
  const idle: Connection[] = [];
  const startedAt = performance.now();
  let sent = 0;
  const rest = (connection: Connection, afterMs: number): void => {
    if (tally.stopping || ratePerSecond !== undefined) idle.push(connection);
    else if (afterMs > 0) setTimeout(() => rest(connection, 0), afterMs);
    else setImmediate(() => (tally.stopping ? idle.push(connection) : connection.send()));
  };
  const all = Array.from({ length: connections }, () => new Connection(target, tally, rest));
  const tick = (): void => {
    for (const connection of all) connection.giveUpIfLate();
    if (ratePerSecond === undefined || tally.stopping) return;
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * ratePerSecond) - sent;
    // The one that rested longest goes first, so that every connection grows idle and is used again.
    for (const connection of idle.splice(0, due)) {
      sent += 1;
      connection.send();
    }
  };
  for (const connection of all) rest(connection, 0);
  const timer = setInterval(tick, tickMs);
  return async () => {
    while (all.some((connection) => connection.isBusy)) await new Promise((resolve) => setTimeout(resolve, tickMs));
    clearInterval(timer);
    for (const connection of all) connection.close();
  };
}
