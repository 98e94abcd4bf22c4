import type { WebSocket } from "ws";
import { Fault } from "../base/faults.ts";
import { plainJson } from "../base/printable.ts";
import { Window } from "../base/window.ts";
import {
  type AttachedAnswerView,
  type AttachedMessageView,
  type AttachedOrderView,
  attachedMessage,
  attachedOrder,
} from "../contract/attached.ts";
import { frameIn, framesOf, windowBytes } from "../contract/frames.ts";
import type { AttachedTask } from "../usecases/attached.ts";
import { decode, parseJson } from "./decode.ts";
import { encodeTask } from "./encode.ts";

/** How long a client may take to say what it wants. */
const orderMs = 10_000;

/** The connection of a client to its task. It is never paused: what a client may send at once is limited. */
export class AttachedClient {
  readonly #socket: WebSocket;
  readonly #windows = { stdout: new Window(windowBytes), stderr: new Window(windowBytes) };
  /** Resolves when the connection is gone, for whatever reason. */
  readonly gone: Promise<void>;
  #task: AttachedTask | null = null;
  /** Bytes of the client that its task has not taken. */
  #untaken = 0;
  /** Rejects when something fails of which nobody else hears. */
  readonly #broken = Promise.withResolvers<never>();
  #writing: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.gone = new Promise((resolve) => socket.once("close", () => resolve()));
    // What breaks a connection closes it.
    socket.on("error", () => socket.terminate());
    void this.gone.then(() => {
      for (const window of Object.values(this.#windows)) window.close();
    });
    void Promise.allSettled([this.#broken.promise]);
  }

  /** The first message. Faults: `request.invalid`. */
  order(): Promise<AttachedOrderView> {
    return new Promise((resolve, reject) => {
      const refuse = () => reject(new Fault("request.invalid", `no order came within ${orderMs / 1000} seconds`));
      const late = setTimeout(refuse, orderMs);
      void this.gone.then(refuse).finally(() => clearTimeout(late));
      this.#socket.once("message", (message: Buffer) => {
        clearTimeout(late);
        try {
          resolve(decode(attachedOrder, parseJson(message.toString()), "order"));
        } catch (thrown) {
          reject(thrown);
        }
      });
    });
  }

  /** Connects both until the task has ended and all its output is passed on, or the client is gone. */
  async serve(task: AttachedTask): Promise<void> {
    this.#task = task;
    this.#socket.on("message", (message: Buffer, isBinary: boolean) => this.#take(message, isBinary));
    this.send({ is: "began", task: encodeTask(task.spec, (await task.started()).observed) });
    const ended = Promise.all([task.ended(), this.#pass("stdout"), this.#pass("stderr")]).then(([seen]) => seen);
    const seen = await Promise.race([ended, this.gone, this.#broken.promise]);
    if (!seen?.exit) return;
    await this.#sendBytes("stderr", await task.explanation(seen.exit));
    this.send({ is: "ended", task: encodeTask(task.spec, seen) });
  }

  send(answer: AttachedAnswerView): void {
    this.#socket.send(plainJson(answer));
  }

  close(): void {
    this.#socket.close();
  }

  async #pass(stream: "stdout" | "stderr"): Promise<void> {
    for await (const bytes of this.#streams()[stream]) {
      if (!(await this.#sendBytes(stream, bytes))) return;
    }
  }

  async #sendBytes(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<boolean> {
    for (const message of framesOf(stream, bytes)) {
      if (!(await this.#windows[stream].take(message.length - 1))) return false;
      this.#socket.send(message);
    }
    return true;
  }

  /** A client that does not keep to what was agreed is let go. */
  #take(message: Buffer, isBinary: boolean): void {
    try {
      if (isBinary) this.#takeBytes(message);
      else this.#obey(decode(attachedMessage, parseJson(message.toString()), "message"));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.#socket.close(1008, thrown.detail.slice(0, 100));
    }
  }

  #takeBytes(message: Buffer): void {
    const frame = frameIn(message);
    this.#untaken += message.length - 1;
    if (frame?.stream !== "stdin" || this.#untaken > windowBytes) {
      throw new Fault("request.invalid", "binary messages carry stdin, within its limits");
    }
    const { bytes } = frame;
    this.#inTurn(async () => {
      await this.#streams().write(bytes);
      this.#untaken -= bytes.length;
      this.send({ is: "took", stream: "stdin", bytes: bytes.length });
    });
  }

  #obey(message: AttachedMessageView): void {
    if (message.is === "took") this.#windows[message.stream].give(message.bytes);
    else if (message.is === "resize") this.#inTurn(() => this.#streams().resize(message));
    else this.#inTurn(async () => this.#streams().end());
  }

  #inTurn(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch((thrown) => this.#broken.reject(thrown));
  }

  #streams(): AttachedTask["streams"] {
    if (this.#task) return this.#task.streams;
    throw new Fault("request.invalid", "nothing has begun");
  }
}
