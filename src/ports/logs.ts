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

/**
 * Keeps what instances write. Contract (src/testing/conformance/logs.ts): lines and reading position are stored together,
 * so that a crash loses and doubles nothing; sequences of an environment rise in the order of `append`.
 */
export interface LogStore {
  /** Stores a batch. Its lines are found at once; they may wait in memory for at most a second until they are on disk. */
  append(batch: LogBatch): Promise<void>;
  /** Up to which byte an origin has been read; 0 for a new one. */
  position(origin: LogOrigin): Promise<number>;
  /** Forgets the position of an origin that is gone; its lines stay. */
  forget(name: string): Promise<void>;
  /** The last `limit` matching lines, oldest first. */
  tail(filter: LogFilter, limit: number): Promise<readonly StoredLine[]>;
  /** At most `limit` matching lines after a sequence, oldest first; `next` is where to go on, also when none matched. */
  read(filter: LogFilter, after: number, limit: number): Promise<{ lines: readonly StoredLine[]; next: number }>;
  /** Called when an environment has new lines, until the answer is called. */
  appended(listener: (key: EnvKey) => void): () => void;
  /** Deletes the oldest lines of every environment that holds more than `bytes` on disk; with `keys` of these alone. */
  cap(bytes: number, keys?: readonly EnvKey[]): Promise<void>;
  close(): Promise<void>;
}
