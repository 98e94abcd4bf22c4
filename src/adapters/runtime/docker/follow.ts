import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { backoff } from "../../../base/backoff.ts";
import { Fault, isErrno } from "../../../base/faults.ts";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { type FrameStream, Frames } from "../../../host/engine-streams.ts";
import { Spool } from "./spool.ts";

interface FollowerOptions {
  readonly engine: ContainerEngine;
  readonly id: string;
  /** Where the output goes (spool.ts). */
  readonly directory: string;
  /** Called whenever something was written. */
  readonly wrote: () => void;
  /** Receives whatever breaks a stream, also that the engine is down. */
  readonly failed: (thrown: unknown) => void;
}

/** How often the place reached is kept while output comes. */
const savedMs = 1_000;
/** How long the engine may take to close a stream whose container has ended. */
const closingMs = 5_000;
/** How long the engine may pause in what it reports of a container that has ended. */
const idleMs = 30_000;
/** From a stream that broke to the next one. */
const again = { first: 50, limit: 1_000 };
/** A connection that closed in good order means that the container ended, which is then heard any moment. */
const hearingMs = 5_000;

const both = { stdout: true, stderr: true };

/**
 * Keeps one container's output flowing into its files. A connection that was made before the command began gives every byte
 * as it was written, and holds the command up before it loses one. After a break, and in another controller's hands, the
 * engine's log is followed: it can be read again from any place, but gives text only, is slower (some 35,000 to 100,000
 * lines a second), and has lost what was rotated away when its reader lags by more than 60 MB. All of this over every break of the connection, until the container has ended
 * and all of it is there, or the controller goes.
 */
export class OutputFollower {
  readonly #options: FollowerOptions;
  readonly #spool: Spool;
  readonly #away = new AbortController();
  #isFinishing = false;
  #waiting: AbortController | null = null;
  #running: Promise<void> | null = null;
  #stream: Readable | null = null;
  /** A connection that was made before the command began gives its bytes unchanged. */
  #attached: Readable | null = null;
  #isWholeByItself = false;
  #saving: NodeJS.Timeout | null = null;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#spool = new Spool(options.directory);
  }

  /** Connects to a container that has not been started, so that its bytes come exactly as they were written. */
  async attach(): Promise<void> {
    const { engine, id } = this.#options;
    this.#attached = await engine.hijack(`/containers/${id}/attach`, { query: { stream: true, ...both } });
    this.start();
  }

  /** Follows from where it was; does nothing when it does so already. */
  start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /**
   * The container has ended: answers when all its output is in the files. `isWatched`: the end was seen by a connection to
   * the engine that is still there, so that a stream that closed is known to have been complete.
   */
  async finish(isWatched: boolean): Promise<void> {
    this.expectEnd();
    await this.#closed();
    const isComplete = (this.#isWholeByItself && isWatched) || (await this.#isAtEnd());
    if (!isComplete) await this.#read({ follow: false });
    this.#spool.save();
  }

  /** The container has ended, as far as is known: no new stream is begun. */
  expectEnd(): void {
    this.#isFinishing = true;
    this.#waiting?.abort();
  }

  /** The container runs, perhaps again: continues at once. */
  resume(): void {
    this.#isFinishing = false;
    this.#waiting?.abort();
    this.start();
  }

  async stop(): Promise<void> {
    this.#away.abort();
    this.#waiting?.abort();
    this.#stream?.destroy();
    this.#attached?.destroy();
    await this.#running;
    if (this.#saving) clearTimeout(this.#saving);
    this.#spool.save();
    this.#spool.close();
  }

  /** Breaks are not reported one by one: observers see that the engine is down. */
  async #run(): Promise<void> {
    for (let failures = 0; ; ) {
      const isGood = await this.#once().then(
        () => true,
        (thrown) => this.#options.failed(thrown) ?? false,
      );
      failures = isGood ? 1 : failures + 1;
      if (this.#isOver()) return;
      await this.#wait(this.#isWholeByItself ? hearingMs : backoff(failures, again));
      if (this.#isOver()) return;
    }
  }

  #isOver(): boolean {
    return this.#away.signal.aborted || this.#isFinishing;
  }

  async #wait(ms: number): Promise<void> {
    this.#waiting = new AbortController();
    await pause(ms, undefined, { signal: this.#waiting.signal, ref: false }).catch(unlessAborted);
    this.#waiting = null;
  }

  async #once(): Promise<void> {
    const attached = this.#attached;
    this.#attached = null;
    this.#isWholeByItself = false;
    if (attached === null) return this.#read({ follow: true });
    await this.#consume(attached, (stream, content) => this.#spool.takeRaw(stream, content));
    this.#isWholeByItself = true;
  }

  async #read({ follow }: { follow: boolean }): Promise<void> {
    const { engine, id } = this.#options;
    const query = { ...both, timestamps: true, follow, since: this.#spool.rewind() };
    const stream = await engine.stream("GET", `/containers/${id}/logs`, { query, signal: this.#away.signal });
    if (!follow) endIdle(stream);
    await this.#consume(stream, (name, frame) => this.#spool.takeLog(name, frame));
  }

  /** Takes a stream to its end. Faults: whatever broke it. */
  async #consume(stream: Readable, take: (name: FrameStream, payload: Buffer) => void): Promise<void> {
    const frames = new Frames(take);
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => {
      try {
        frames.push(chunk);
        this.#spool.flush();
        this.#wrote();
      } catch (thrown) {
        stream.destroy(thrown as Error);
      }
    });
    try {
      const isWhole = once(stream, "end").then(() => true);
      const isBroken = once(stream, "close").then(() => false);
      if (await Promise.race([isWhole, isBroken])) return;
      throw new Fault("engine.unreachable", `the output of ${this.#options.id.slice(0, 12)} was interrupted`);
    } finally {
      this.#stream = null;
      stream.destroy();
    }
  }

  #wrote(): void {
    this.#options.wrote();
    this.#saving ??= setTimeout(() => {
      this.#saving = null;
      void this.#keep();
    }, savedMs).unref();
  }

  async #keep(): Promise<void> {
    // An engine that does not answer now is asked with the next bytes.
    const first = this.#spool.wantsFirst ? await this.#oneFrame({}).catch(this.#options.failed) : null;
    if (this.#away.signal.aborted) return;
    if (first && this.#spool.wantsFirst) this.#spool.setFirst(first);
    this.#save();
  }

  /** Where the disk is full, the place is kept later: what was taken stays in memory and is not asked for again. */
  #save(): void {
    try {
      this.#spool.save();
    } catch (thrown) {
      if (!isErrno(thrown, "ENOSPC", "EDQUOT", "EIO")) throw thrown;
    }
  }

  /** Waits until the engine has closed the streams; one that stays open is abandoned. */
  async #closed(): Promise<void> {
    if (this.#running === null) return;
    const late = setTimeout(() => this.#stream?.destroy(), closingMs);
    await this.#running;
    clearTimeout(late);
  }

  /** Whether the log's last frame was taken: its last lines are found from its end, whatever its size. */
  async #isAtEnd(): Promise<boolean> {
    try {
      const last = await this.#oneFrame({ tail: 1 });
      return last === null || this.#spool.endsWith(last);
    } catch (thrown) {
      // The container was taken away by somebody else, and its log with it.
      if (isRefusal(thrown, 404)) return true;
      throw thrown;
    }
  }

  /** The first frame of the log, or of its end. */
  async #oneFrame(part: { tail?: number }): Promise<Buffer | null> {
    const { engine, id } = this.#options;
    const query = { ...both, timestamps: true, ...part };
    const stream = await engine.stream("GET", `/containers/${id}/logs`, { query, signal: this.#away.signal });
    endIdle(stream);
    let found: Buffer | null = null;
    const frames = new Frames((_name, frame) => {
      found ??= frame;
    });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      frames.push(chunk);
      if (found !== null) break;
    }
    return found;
  }
}

/** Breaks a stream off in which nothing comes. */
function endIdle(stream: IncomingMessage): void {
  let seen = stream.socket.bytesRead;
  const timer = setInterval(() => {
    const { bytesRead } = stream.socket;
    if (bytesRead === seen)
      stream.destroy(new Fault("engine.unreachable", "the engine stopped in the middle of a log"));
    seen = bytesRead;
  }, idleMs).unref();
  stream.once("close", () => clearInterval(timer));
}

function unlessAborted(thrown: unknown): void {
  if (!isErrno(thrown, "ABORT_ERR")) throw thrown;
}
