import type { Readable, Writable } from "node:stream";

/** After a task's end, its output is over when nothing came for so long: what it left behind may keep the streams open. */
const silenceMs = 1_000;

interface Ends {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Null: there is only one stream of output. */
  readonly stderr: Readable | null;
}

/** The controller's side of the standard streams of a task. A stream that breaks is one that has ended. */
export class TaskStreams {
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  readonly #ends: Ends;
  readonly #over = new AbortController();

  constructor(ends: Ends) {
    this.#ends = ends;
    // Whoever reads or writes notices that a stream has closed, for whatever reason.
    for (const end of this.#all()) end.on("error", () => end.destroy());
    this.stdout = chunksOf(ends.stdout, this.#over.signal);
    this.stderr = ends.stderr === null ? noChunks() : chunksOf(ends.stderr, this.#over.signal);
  }

  write(bytes: Uint8Array): Promise<void> {
    const { stdin } = this.#ends;
    return new Promise((resolve) => {
      if (!stdin.writable) resolve();
      else stdin.write(bytes, () => resolve());
    });
  }

  end(): void {
    if (this.#ends.stdin.writable) this.#ends.stdin.end();
  }

  /** The task has ended: what it has written is still read. */
  finish(): void {
    this.#over.abort();
  }

  close(): void {
    this.#over.abort();
    for (const end of this.#all()) end.destroy();
  }

  #all(): ReadonlySet<Readable | Writable> {
    const { stdin, stdout, stderr } = this.#ends;
    return new Set([stdin, stdout, ...(stderr === null ? [] : [stderr])]);
  }
}

/** Of a stream that there is not. */
export async function* noChunks(): AsyncGenerator<Uint8Array> {}

async function* chunksOf(stream: Readable, over: AbortSignal): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) yield chunk;
    else if (stream.readableEnded || stream.closed || (await isSilent(stream, over))) return;
  }
}

/** Waits until there may be more to read; true: there is not, after `over`. */
function isSilent(stream: Readable, over: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (silent: boolean) => {
      clearTimeout(timer);
      over.removeEventListener("abort", arm);
      for (const event of ["readable", "end", "close"]) stream.off(event, more);
      resolve(silent);
    };
    const more = () => settle(false);
    const arm = () => {
      timer = setTimeout(() => settle(true), silenceMs);
    };
    for (const event of ["readable", "end", "close"]) stream.once(event, more);
    if (over.aborted) arm();
    else over.addEventListener("abort", arm, { once: true });
  });
}
