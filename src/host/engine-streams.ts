import type { Readable } from "node:stream";
import { Fault } from "../base/faults.ts";

/** `type` of a frame: which of a container's streams it belongs to. */
export type FrameStream = "stdout" | "stderr";

/** No engine sends frames near this size (16 KB from logs, 32 KB from attach): more is not a framed stream. */
const longestFrame = 4 * 1024 * 1024;
const headLength = 8;

/**
 * Parses the engine's framed streams (logs, attach and exec without a terminal): a head of 8 bytes with the stream's
 * number and the length, then that many bytes. Takes bytes as they arrive and passes every complete frame on at once.
 * Faults of `push`: `operation.failed` if this is not a framed stream.
 */
export class Frames {
  readonly #take: (stream: FrameStream, payload: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);
  /** Parts of an incomplete frame, so that they are joined only once. */
  #parts: Buffer[] = [];
  #missing = 0;

  constructor(take: (stream: FrameStream, payload: Buffer) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    if (this.#missing > chunk.length) {
      this.#parts.push(chunk);
      this.#missing -= chunk.length;
      return;
    }
    const bytes = this.#parts.length > 0 ? Buffer.concat([...this.#parts, chunk]) : joined(this.#rest, chunk);
    this.#parts = [];
    this.#missing = 0;
    this.#cut(bytes);
  }

  #cut(bytes: Buffer): void {
    let at = 0;
    while (bytes.length - at >= headLength) {
      const end = at + headLength + lengthAt(bytes, at);
      if (end > bytes.length) {
        this.#parts = [bytes.subarray(at)];
        this.#missing = end - bytes.length;
        this.#rest = Buffer.alloc(0);
        return;
      }
      this.#take(bytes[at] === 2 ? "stderr" : "stdout", bytes.subarray(at + headLength, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }
}

function joined(rest: Buffer, chunk: Buffer): Buffer {
  return rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
}

function lengthAt(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at + 4);
  // 3 is a message of the engine itself about a driver that cannot be read.
  const framed = (bytes[at] ?? 255) <= 3 && (bytes.readUInt32BE(at) & 0xffffff) === 0 && length <= longestFrame;
  if (!framed) throw new Fault("operation.failed", "the engine sent something that is not a framed stream");
  return length;
}

/** The values of a JSON stream, one per line (events, build and pull progress). Ends when the stream does. */
export async function* jsonLines<T>(stream: Readable): AsyncGenerator<T> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as T;
  }
  if (rest.trim() !== "") yield JSON.parse(rest) as T;
}
