import type { Fault } from "../base/faults.ts";
import type { EnvKey } from "../model/environment.ts";
import type { LogFilter, LogLine, StoredLine } from "../model/log.ts";
import type { OutputStream } from "./runtime.ts";

/** Where lines come from: one stream of one instance or task. */
export interface LogOrigin {
  readonly name: string;
  readonly stream: OutputStream;
}

/** Lines of one environment, and up to which byte their origin has been read with them. */
export interface LogBatch {
  readonly key: EnvKey;
  readonly origin: LogOrigin;
  readonly lines: readonly LogLine[];
  readonly offset: number;
}

export interface FoundLines {
  readonly lines: readonly StoredLine[];
  /** Where to go on, also when no line matched. */
  readonly next: number;
  /**
   * Null when all was looked through that had to be. Else the time was over, or more would be too much at once: about the
   * time of the nearest line that was not looked at.
   */
  readonly reached: number | null;
}

export interface Trouble {
  readonly since: number;
  readonly fault: Fault;
}

/**
 * Keeps what instances write. Contract (src/testing/conformance/logs.ts): lines and reading position are stored together,
 * so that a crash loses and doubles nothing; sequences of an environment rise in the order of `append`.
 */
export interface LogStore {
  /**
   * Stores a batch. Its lines are found at once; they may wait in memory for at most a second until they are on disk, or
   * until the disk takes them again. When it rejects, nothing of the batch was taken.
   */
  append(batch: LogBatch): Promise<void>;
  /** Up to which byte an origin has been read; 0 for a new one. So much is on disk when it answers. */
  position(origin: LogOrigin): Promise<number>;
  /** Since when what was appended cannot be written down, and why; null when it can. */
  trouble(): Trouble | null;
  /** Forgets the position of an origin that is gone; its lines stay. */
  forget(name: string): Promise<void>;
  /**
   * The last `limit` matching lines, oldest first. Like `read` it is done beside all else, ends a moment after `signal`, and
   * has a limit of time; it then gives what it has.
   */
  tail(filter: LogFilter, limit: number, signal?: AbortSignal): Promise<FoundLines>;
  /** At most `limit` matching lines after a sequence, oldest first. */
  read(filter: LogFilter, range: { after: number; limit: number }, signal?: AbortSignal): Promise<FoundLines>;
  /** Called when an environment has new lines, until the answer is called. */
  appended(listener: (key: EnvKey) => void): () => void;
  /** Deletes the oldest lines of every environment that holds more than `bytes` on disk; with `keys` of these alone. */
  cap(bytes: number, keys?: readonly EnvKey[]): Promise<void>;
  close(): Promise<void>;
}
