import { type Duplex, PassThrough } from "node:stream";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { Frames } from "../../../host/engine-streams.ts";
import { noChunks, TaskStreams } from "../../../host/task-streams.ts";
import type { TerminalSize } from "../../../model/instance.ts";
import type { Attachment } from "../../../ports/runtime.ts";
import type { ContainerEntry } from "./entry.ts";

/** Of a task that was never begun. */
const noAttachment: Attachment = {
  stdout: noChunks(),
  stderr: noChunks(),
  write: async () => undefined,
  end: () => undefined,
  resize: async () => undefined,
  hangUp: () => undefined,
  release: () => undefined,
};

/** Takes the streams of a task before it is started: the engine then passes every byte, and waits for its reader. */
export class Attacher {
  readonly terminal: TerminalSize | null;
  readonly #engine: ContainerEngine;
  #attachment = noAttachment;

  constructor(engine: ContainerEngine, terminal: TerminalSize | null) {
    this.#engine = engine;
    this.terminal = terminal;
  }

  async attach(entry: ContainerEntry): Promise<void> {
    const id = entry.id ?? "";
    const query = { stream: true, stdin: true, stdout: true, stderr: true };
    const connection = await this.#engine.hijack(`/containers/${id}/attach`, { query });
    const outputs = this.terminal === null ? splitOutput(connection) : { stdout: connection, stderr: null };
    const streams = new TaskStreams({ stdin: connection, ...outputs });
    entry.isHeld = true;
    this.#attachment = {
      stdout: streams.stdout,
      stderr: streams.stderr,
      write: (bytes) => streams.write(bytes),
      end: () => streams.end(),
      resize: (size) => this.#resize(id, size),
      hangUp: () => streams.close(),
      release: () => {
        streams.close();
        entry.isHeld = false;
      },
    };
  }

  /** The task has just been started. */
  async begun({ id }: ContainerEntry): Promise<void> {
    if (this.terminal) await this.#resize(id ?? "", this.terminal);
  }

  /** The streams, as soon as the start is over; if it fails they are closed. */
  async after(start: Promise<void>): Promise<Attachment> {
    await start.catch((thrown) => {
      this.#attachment.release();
      throw thrown;
    });
    return this.#attachment;
  }

  /** A task that has ended needs no size. */
  async #resize(id: string, { columns, rows }: TerminalSize): Promise<void> {
    const query = { w: columns, h: rows };
    await this.#engine.json("POST", `/containers/${id}/resize`, { query }).catch((thrown) => {
      if (!isRefusal(thrown, 404, 409, 500)) throw thrown;
    });
  }
}

/** Both streams of a framed connection. If one of them is not read, both wait: the connection has only one order. */
function splitOutput(connection: Duplex): { stdout: PassThrough; stderr: PassThrough } {
  const outputs = { stdout: new PassThrough(), stderr: new PassThrough() };
  const frames = new Frames((stream, payload) => {
    if (outputs[stream].write(payload)) return;
    connection.pause();
    outputs[stream].once("drain", () => {
      if (!outputs.stdout.writableNeedDrain && !outputs.stderr.writableNeedDrain) connection.resume();
    });
  });
  connection.on("data", (chunk: Buffer) => {
    try {
      frames.push(chunk);
    } catch (thrown) {
      connection.destroy(thrown as Error);
    }
  });
  for (const event of ["end", "close"]) {
    connection.once(event, () => {
      for (const output of Object.values(outputs)) output.end();
    });
  }
  return outputs;
}
