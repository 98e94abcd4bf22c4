import type { AccessRecord } from "../../../model/route.ts";
import type { Clock } from "../../../ports/clock.ts";
import { followCli } from "./cli.ts";
import { parseAccessRecord, type RecordLine } from "./record.ts";

/** Between two looks whether a previous worker is idle. */
const idleLookMs = 500;
/** How soon a lost connection to the edge is retried. */
const retryMs = 100;

export interface FollowOptions {
  readonly admin: string;
  readonly clock: Clock;
  /** What a line means; null when its route is not known any more. */
  readonly understood: (line: RecordLine) => AccessRecord | null;
}

/** Follows HAProxy's ring of records, across reloads and restarts; its connection shows whether HAProxy is up. */
export class RecordFollower {
  readonly #options: FollowOptions;
  readonly #recordListeners = new Set<(records: readonly AccessRecord[]) => void>();
  readonly #changeListeners = new Set<() => void>();
  /** Connections to workers; the last one is the current worker's. */
  readonly #stops = new Set<() => void>();
  #current: symbol | null = null;
  #up: boolean | null = null;
  #closed = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  records(listener: (records: readonly AccessRecord[]) => void): () => void {
    this.#recordListeners.add(listener);
    this.#begin();
    return () => this.#recordListeners.delete(listener);
  }

  changes(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    this.#begin();
    return () => this.#changeListeners.delete(listener);
  }

  /**
   * Another worker takes new connections now: follows it too, and the previous one until it is idle. A previous worker
   * ends only when nobody is connected any more, us included.
   */
  next(isIdle: () => Promise<boolean>): void {
    const earlier = [...this.#stops];
    this.#current = null;
    this.#begin();
    const look = async (): Promise<void> => {
      if (!(await isIdle())) return void this.#options.clock.after(idleLookMs, () => void look());
      for (const stop of earlier) {
        stop();
        this.#stops.delete(stop);
      }
    };
    if (earlier.length > 0) void look();
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }

  #begin(): void {
    if (this.#current === null && !this.#closed) this.#open();
  }

  #open(): void {
    const me = Symbol("worker");
    this.#current = me;
    let cancel: () => void = () => undefined;
    const stop = () => cancel();
    this.#stops.add(stop);
    cancel = followCli(this.#options.admin, "show events records -w -n", {
      opened: () => this.become(true),
      lines: (lines) => this.#take(lines),
      ended: (opened) => {
        this.#stops.delete(stop);
        if (this.#current !== me) return;
        this.#current = null;
        // One that was up may have made room for its successor.
        if (opened) return this.#begin();
        this.become(false);
        const again = this.#options.clock.after(retryMs, () => {
          this.#stops.delete(again);
          this.#begin();
        });
        this.#stops.add(again);
      },
    });
  }

  /** Records whether it is up, and reports changes. */
  become(up: boolean): void {
    if (this.#up !== null && this.#up !== up) this.notify();
    this.#up = up;
  }

  /** Notifies listeners of changes. */
  notify(): void {
    for (const listener of this.#changeListeners) listener();
  }

  #take(lines: readonly string[]): void {
    const records: AccessRecord[] = [];
    for (const line of lines) {
      const parsed = parseAccessRecord(line);
      const record = parsed === null ? null : this.#options.understood(parsed);
      if (record !== null) records.push(record);
    }
    if (records.length > 0) for (const listener of this.#recordListeners) listener(records);
  }
}
