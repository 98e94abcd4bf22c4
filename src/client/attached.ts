import { Fault } from "../base/faults.ts";
import { Window } from "../base/window.ts";
import type { AttachedAnswerView, AttachedMessageView, AttachedOrderView } from "../contract/attached.ts";
import { frameIn, framesOf, windowBytes } from "../contract/frames.ts";
import { fillPath } from "../contract/paths.ts";
import type { TaskView } from "../contract/tasks.ts";
import { type ControllerAddress, connectionFault } from "./node.ts";
import { routeLines } from "./route-lines.ts";
import { parseAnswer, problemFault } from "./transport.ts";

/** The controller pings every few seconds: after so long without any word it is gone, or the network. */
const silenceMs = 30_000;

export interface AttachedRequest {
  readonly address: ControllerAddress;
  readonly key: { readonly app: string; readonly environment: string };
  readonly order: Omit<AttachedOrderView, "is">;
  /** Takes output; nothing more of a stream comes before it has. */
  readonly output: (stream: "stdout" | "stderr", bytes: Uint8Array) => Promise<void>;
  /** Ends the connection, and with it the command. */
  readonly signal: AbortSignal;
}

/** A command whose standard streams are here. */
export interface AttachedCommand {
  /** Passes input; resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  /** The end of its input. */
  end(): void;
  resize(size: { readonly columns: number; readonly rows: number }): void;
  /**
   * Resolves when it has ended and all its output was taken. Faults: `controller.unreachable` when the connection is lost,
   * the reason of the signal, whatever `output` throws.
   */
  readonly ended: Promise<TaskView>;
}

/**
 * Runs a command over a WebSocket; resolves when it has begun. Faults: those of the route, `controller.unreachable`,
 * `access.denied`.
 */
export async function attachCommand({
  address,
  key,
  order,
  output,
  signal,
}: AttachedRequest): Promise<AttachedCommand> {
  const socket = await openSocket(address, fillPath(routeLines.attachTask.slice("GET ".length), key));
  const session = new Session(socket, output);
  signal.addEventListener("abort", () => session.fail(signal.reason), { once: true });
  if (signal.aborted) session.fail(signal.reason);
  session.send({ is: "order", ...order });
  await Promise.race([session.began, session.ended]);
  return session;
}

type Socket = import("ws").WebSocket;

/** Loaded here: no other command needs it. */
async function openSocket(address: ControllerAddress, path: string): Promise<Socket> {
  const [{ WebSocket }, { connect }] = [await import("ws"), process.getBuiltinModule("node:net")];
  const usual = { perMessageDeflate: false, handshakeTimeout: silenceMs } as const;
  const open = () => {
    if ("socketPath" in address) {
      // A URL of such a socket cannot have every path.
      const createConnection = () => connect(address.socketPath);
      return new WebSocket(`ws://localhost${path}`, { ...usual, createConnection });
    }
    const url = new URL(path, address.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new WebSocket(url, { ...usual, headers: address.token ? { authorization: `Bearer ${address.token}` } : {} });
  };
  const socket = open();
  const place = "socketPath" in address ? address.socketPath : address.url;
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(socket));
    socket.on("error", (error) => reject(connectionFault(place, error)));
    socket.once("unexpected-response", (_request, response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.once("close", () => reject(problemFault(response.statusCode ?? 0, text)));
    });
  });
}

class Session implements AttachedCommand {
  readonly began: Promise<void>;
  readonly ended: Promise<TaskView>;
  readonly #socket: Socket;
  readonly #output: AttachedRequest["output"];
  readonly #window = new Window(windowBytes);
  readonly #begin = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<TaskView>();
  #silence: NodeJS.Timeout | undefined;
  #isOver = false;
  readonly #writing = { stdout: Promise.resolve(), stderr: Promise.resolve() };

  constructor(socket: Socket, output: AttachedRequest["output"]) {
    this.#socket = socket;
    this.#output = output;
    this.began = this.#begin.promise;
    this.ended = this.#end.promise.finally(() => this.#close());
    // It may fail before anybody waits for it.
    void Promise.allSettled([this.ended]);
    socket.on("message", (message: Buffer, isBinary: boolean) => {
      this.#hear();
      if (isBinary) this.#take(message);
      else this.#answer(parseAnswer(message.toString()) as AttachedAnswerView);
    });
    socket.on("ping", () => this.#hear());
    socket.once("close", () => this.#isOver || this.fail(lost("closed")));
    this.#hear();
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const message of framesOf("stdin", bytes)) {
      if (!(await this.#window.take(message.length - 1))) return;
      this.#socket.send(message);
    }
  }

  end(): void {
    this.send({ is: "end" });
  }

  resize({ columns, rows }: { readonly columns: number; readonly rows: number }): void {
    this.send({ is: "resize", columns, rows });
  }

  send(message: AttachedMessageView | AttachedOrderView): void {
    this.#socket.send(JSON.stringify(message));
  }

  fail(reason: unknown): void {
    this.#end.reject(reason);
  }

  #answer(answer: AttachedAnswerView): void {
    if (answer.is === "began") this.#begin.resolve();
    else if (answer.is === "took") this.#window.give(answer.bytes);
    else if (answer.is === "fault") this.fail(problemFault(answer.problem.status, JSON.stringify(answer.problem)));
    else this.#finish(answer.task);
  }

  /** All its output came before this, and some of it may still be on its way to whoever reads it here. */
  #finish(task: TaskView): void {
    this.#isOver = true;
    clearTimeout(this.#silence);
    const { stdout, stderr } = this.#writing;
    void Promise.all([stdout, stderr]).then(() => this.#end.resolve(task));
  }

  #take(message: Uint8Array): void {
    const frame = frameIn(message);
    if (frame === null || frame.stream === "stdin")
      return this.fail(new Fault("operation.failed", "no controller answers there"));
    const { stream, bytes } = frame;
    this.#writing[stream] = this.#writing[stream]
      .then(() => this.#pass(stream, bytes))
      .catch((thrown) => this.fail(thrown));
  }

  async #pass(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
    await this.#output(stream, bytes);
    this.send({ is: "took", stream, bytes: bytes.length });
  }

  #hear(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.fail(lost("silent")), silenceMs);
  }

  #close(): void {
    clearTimeout(this.#silence);
    this.#window.close();
    this.#socket.terminate();
  }
}

function lost(how: "closed" | "silent"): Fault {
  const why = how === "closed" ? "the controller closed the connection" : "the controller does not answer any more";
  return new Fault("controller.unreachable", `${why} while the command ran`, {
    hint: "The command is ended with its connection. Check what it has done before you run it again.",
  });
}
