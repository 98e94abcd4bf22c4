import * as fs from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../../base/faults.ts";
import type { FrameStream } from "../../../host/engine-streams.ts";

/** The engine puts 30 characters before each frame of a log, `2026-11-25T02:03:29.509170693Z`, and a space. */
const stampLength = 30;

/**
 * A place in a container's log. Frames are counted from the one with the latest time so far, because the two streams are
 * stamped before they are written, so that neighbours may be out of order, and parts of a long line share one time.
 */
interface Position {
  /** The latest time so far; empty at the beginning. */
  top: string;
  /** How many frames of this time there were. */
  equal: number;
  /** How many frames came after the last of them. */
  after: number;
  /** How many bytes of each stream the log had given at this place. */
  stdout: number;
  stderr: number;
  /** The time of the log's first frame, when bytes came past the log; empty while it is not known. */
  first: string;
}

const beginning: Readonly<Position> = { top: "", equal: 0, after: 0, stdout: 0, stderr: 0, first: "" };

/**
 * One container's output in two files that only grow. A place in the log is kept beside them (`position.json`), now and
 * then: whoever goes on from it is given some frames again, and omits as many bytes as the files already hold beyond
 * it. So nothing is lost or doubled by a controller's death, and offsets never change.
 */
export class Spool {
  readonly #directory: string;
  readonly #files: Record<FrameStream, { readonly fd: number; size: number }>;
  readonly #waiting: Record<FrameStream, Buffer[]> = { stdout: [], stderr: [] };
  readonly #at: Position;
  /** What is still to be skipped of a log that is read again. */
  #passing: Position | null = null;
  /** Whether it must be looked whether the log still begins where it began. */
  #isDoubtful = false;
  /** Up to this time everything was taken, without having been counted. */
  #taken = "";
  #lastStamp = "";
  #isSaved = true;

  constructor(directory: string) {
    this.#directory = directory;
    this.#at = readPosition(join(directory, "position.json"));
    this.#files = {
      stdout: opened(join(directory, "out.log"), this.#at.stdout),
      stderr: opened(join(directory, "err.log"), this.#at.stderr),
    };
  }

  /** Whether anything of the log itself was taken yet. */
  get hasBegun(): boolean {
    return this.#at.top !== "";
  }

  /**
   * From when on a log must be read to go on here, in whole seconds; 0 for all of it. After bytes that came past the log
   * their number is the place in it; where the log's beginning was thrown away meanwhile, it is the time of the last ones.
   */
  rewind(): number {
    this.#passing = this.hasBegun ? { ...this.#at } : null;
    this.#isDoubtful = !this.hasBegun && this.#at.first !== "";
    return this.hasBegun ? Math.floor(Date.parse(this.#at.top) / 1_000) - 1 : 0;
  }

  /** Whether bytes have come past the log, and nobody knows yet with what it begins. */
  get wantsFirst(): boolean {
    return !this.hasBegun && this.#at.first === "" && this.#files.stdout.size + this.#files.stderr.size > 0;
  }

  /** Keeps what a log begins with. */
  setFirst(frame: Buffer): void {
    this.#at.first = frame.toString("latin1", 0, stampLength);
    this.#isSaved = false;
  }

  /** Takes a frame of a log with times. */
  takeLog(stream: FrameStream, frame: Buffer): void {
    const stamp = frame.toString("latin1", 0, stampLength);
    if (this.#passing !== null && this.#passes(stamp)) return;
    if (this.#isDoubtful) this.#compareFirst(stamp);
    const isTaken = stamp <= this.#taken;
    const content = frame.subarray(isTaken ? frame.length : stampLength + 1);
    const before = this.#at[stream];
    const known = Math.max(0, Math.min(content.length, this.#length(stream) - before));
    if (known < content.length) this.takeRaw(stream, known > 0 ? content.subarray(known) : content);
    this.#at[stream] = before + content.length;
    move(this.#at, stamp);
    this.#lastStamp = stamp;
    this.#isSaved = false;
  }

  /** Takes bytes as they are; the log has them too. */
  takeRaw(stream: FrameStream, content: Buffer): void {
    this.#waiting[stream].push(content);
    this.#files[stream].size += content.length;
  }

  /** Whether the log's last frame is the one that was taken last. */
  endsWith(frame: Buffer): boolean {
    return this.#lastStamp !== "" && frame.toString("latin1", 0, stampLength) === this.#lastStamp;
  }

  /** Writes what was taken. After a failure (a full disk) it may be called again. */
  flush(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const waiting = this.#waiting[stream];
      while (waiting.length > 0) {
        const bytes = waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting);
        const written = fs.writeSync(this.#files[stream].fd, bytes);
        waiting.splice(0, waiting.length, ...(written < bytes.length ? [bytes.subarray(written)] : []));
      }
    }
  }

  /** Keeps the place reached. */
  save(): void {
    this.flush();
    if (this.#isSaved) return;
    const path = join(this.#directory, "position.json");
    fs.writeFileSync(`${path}.new`, JSON.stringify(this.#at), { mode: 0o600 });
    fs.renameSync(`${path}.new`, path);
    this.#isSaved = true;
  }

  close(): void {
    for (const { fd } of Object.values(this.#files)) fs.closeSync(fd);
  }

  #length(stream: FrameStream): number {
    return this.#files[stream].size;
  }

  #compareFirst(stamp: string): void {
    this.#isDoubtful = false;
    if (stamp === this.#at.first) return;
    const times = Object.values(this.#files).map(({ fd }) => fs.fstatSync(fd).mtimeMs);
    this.#taken = `${new Date(Math.max(...times)).toISOString().slice(0, 23)}999999Z`;
    this.#skipGap();
  }

  /** Part of the log is lost: what it returns next comes after what the files contain. */
  #skipGap(): void {
    for (const stream of ["stdout", "stderr"] as const) this.#at[stream] = this.#length(stream);
  }

  /** Whether a frame was taken before. A log that begins later than where we were has lost the rest: then all is new. */
  #passes(stamp: string): boolean {
    const left = this.#passing as Position;
    const isNew = left.equal > 0 && stamp > left.top;
    if (left.equal === 0) left.after -= 1;
    else if (stamp === left.top) left.equal -= 1;
    if (isNew) this.#skipGap();
    if (isNew || (left.equal === 0 && left.after === 0)) this.#passing = null;
    return !isNew;
  }
}

function move(at: Position, stamp: string): void {
  if (stamp > at.top) {
    at.top = stamp;
    at.equal = 1;
    at.after = 0;
  } else if (stamp === at.top) {
    at.equal += 1;
    at.after = 0;
  } else at.after += 1;
}

function readPosition(path: string): Position {
  try {
    return { ...beginning, ...(JSON.parse(fs.readFileSync(path, "utf8")) as Position) };
  } catch (thrown) {
    if (thrown instanceof SyntaxError || isErrno(thrown, "ENOENT")) return { ...beginning };
    throw thrown;
  }
}

/** A file may be shorter than its place says after a loss of power; it is made longer, since offsets do not change. */
function opened(path: string, atLeast: number): { fd: number; size: number } {
  const fd = fs.openSync(path, "a", 0o600);
  const { size } = fs.fstatSync(fd);
  if (size < atLeast) fs.ftruncateSync(fd, atLeast);
  return { fd, size: Math.max(size, atLeast) };
}
