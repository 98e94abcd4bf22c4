import type { Fault } from "../base/faults.ts";
import type { EnvKey } from "../model/environment.ts";
import type { LogFilter, LogLine, StoredLine } from "../model/log.ts";
import type { OutputStream } from "./runtime.ts";

/** The origin of lines: one stream of one instance or task. */
export interface LogOrigin {
  readonly name: string;
  readonly stream: OutputStream;
}

/** Lines of one environment, with the read position of their origin. */
export interface LogBatch {
  readonly key: EnvKey;
  readonly origin: LogOrigin;
  readonly lines: readonly LogLine[];
  readonly offset: number;
}

export interface FoundLines {
  readonly lines: readonly StoredLine[];
  /** Where to continue, even if no line matched. */
  readonly next: number;
  /**
   * Null if everything was searched. Otherwise the time was over, or the result was too large: about the time of the
   * nearest line that was not searched.
   */
  readonly reached: number | null;
}

export interface Trouble {
  readonly since: number;
  readonly fault: Fault;
}

/**
 * Stores the output of instances. Contract (src/testing/conformance/logs.ts): lines and reading position are stored
 * together, so that a crash loses and doubles nothing; sequences of an environment increase in the order of `append`.
 */
export interface LogStore {
  /**
   * Stores a batch. Its lines are found at once; they may wait in memory for at most a second until they are on disk,
   * or until the disk can be written again. If it rejects, nothing of the batch was stored.
   */
  append(batch: LogBatch): Promise<void>;
  /** The read position of an origin in bytes; 0 for a new one. Everything before it is on disk when this returns. */
  position(origin: LogOrigin): Promise<number>;
  /** Since when appended lines cannot be stored, and why; null if they can. */
  trouble(): Trouble | null;
  /** Deletes the position of a removed origin; its lines stay. */
  forget(name: string): Promise<void>;
  /**
   * The last `limit` matching lines, oldest first. Like `read` it runs in parallel to everything else, ends shortly
   * after `signal`, and has a time limit; it then returns what it has.
   */
  tail(filter: LogFilter, limit: number, signal?: AbortSignal): Promise<FoundLines>;
  /** At most `limit` matching lines after a sequence, oldest first. */
  read(filter: LogFilter, range: { after: number; limit: number }, signal?: AbortSignal): Promise<FoundLines>;
  /** Called when an environment has new lines, until the returned function is called. */
  appended(listener: (key: EnvKey) => void): () => void;
  /** Deletes the oldest lines of every environment that uses more than `bytes` on disk; with `keys` only of these. */
  cap(bytes: number, keys?: readonly EnvKey[]): Promise<void>;
  close(): Promise<void>;
}
