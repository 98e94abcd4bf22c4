import { type FSWatcher, watch } from "node:fs";
import type { EnvKey } from "../../../model/environment.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { RuntimeChange } from "../../../ports/runtime.ts";

interface Named {
  readonly name: string;
  readonly key: EnvKey;
}

interface ProcessWatcherOptions {
  readonly clock: Clock;
  /** Directory of the exit records. */
  readonly exits: string;
  readonly directoryOf: (name: string) => string;
  /** Looks how an instance stands; its end comes back through `ended`. */
  readonly look: (name: string) => void;
  readonly live: () => readonly Live[];
}

/** What is not known to have ended. */
interface Live extends Named {
  /** Its supervisor is our child, whose end the system tells: `look` is called then. */
  readonly isChild: boolean;
  /** SIGKILL was sent, so the end is at hand. */
  readonly hurried: boolean;
}

/**
 * How often supervisors that a previous controller started are checked: one that was killed leaves no record to notice.
 * The port allows a second.
 */
const pollMs = 900;
const hurriedMs = 10;
/** Output within this time is reported once. */
const outputMs = 20;

/**
 * Notices by itself what happens: ends by one watch on the exit records, output by one watch on each living instance's
 * directory, and killed supervisors by the system's word where they are our children, else by looking. It watches only while somebody listens.
 */
export class ProcessWatcher {
  readonly #options: ProcessWatcherOptions;
  readonly #listeners = new Set<(change: RuntimeChange) => void>();
  readonly #outputs = new Map<string, FSWatcher | null>();
  readonly #reporting = new Set<string>();
  #exits: FSWatcher | null = null;
  #cancelPoll: (() => void) | null = null;

  constructor(options: ProcessWatcherOptions) {
    this.#options = options;
  }

  listen(listener: (change: RuntimeChange) => void): () => void {
    const own = (change: RuntimeChange) => listener(change);
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#open();
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.close();
    };
  }

  begun(entry: Named): void {
    if (this.#listeners.size > 0) this.#watchOutput(entry);
    this.#tell(entry, "state");
  }

  ended(entry: Named): void {
    this.#outputs.get(entry.name)?.close();
    this.#outputs.delete(entry.name);
    this.#tell(entry, "output");
    this.#tell(entry, "state");
  }

  /** An end is at hand: looks often until it is there. */
  hurry(): void {
    if (this.#listeners.size > 0 && this.#options.live().some(isAtHand)) this.#schedule(hurriedMs);
  }

  close(): void {
    this.#listeners.clear();
    this.#exits?.close();
    this.#exits = null;
    for (const output of this.#outputs.values()) output?.close();
    this.#outputs.clear();
    this.#cancelPoll?.();
    this.#cancelPoll = null;
  }

  #open(): void {
    const { exits, look, live } = this.#options;
    this.#exits = watchDirectory(exits, look);
    for (const entry of live()) this.#watchOutput(entry);
    this.#poll();
  }

  #poll(): void {
    for (const entry of this.#options.live()) {
      if (!entry.isChild) this.#options.look(entry.name);
      // The system may have no watch left to give; then output is announced on suspicion.
      if (this.#outputs.get(entry.name) === null) this.#tell(entry, "output");
    }
    this.#schedule(this.#options.live().some(isAtHand) ? hurriedMs : pollMs);
  }

  #schedule(ms: number): void {
    this.#cancelPoll?.();
    this.#cancelPoll = this.#options.clock.after(ms, () => this.#poll());
  }

  #watchOutput(entry: Named): void {
    if (this.#outputs.has(entry.name)) return;
    const report = (file: string) => {
      if (file === "out.log" || file === "err.log") this.#reportOutput(entry);
    };
    this.#outputs.set(entry.name, watchDirectory(this.#options.directoryOf(entry.name), report));
  }

  #reportOutput(entry: Named): void {
    if (this.#reporting.has(entry.name)) return;
    this.#reporting.add(entry.name);
    this.#options.clock.after(outputMs, () => {
      this.#reporting.delete(entry.name);
      this.#tell(entry, "output");
    });
  }

  #tell({ key, name }: Named, what: RuntimeChange["what"]): void {
    for (const listener of this.#listeners) listener({ key, name, what });
  }
}

/** Whether looking often is what finds its end. */
function isAtHand({ isChild, hurried }: Live): boolean {
  return hurried && !isChild;
}

/** Null where the system gives no watch (inotify's limits): looking from time to time then must do. */
function watchDirectory(directory: string, changed: (file: string) => void): FSWatcher | null {
  try {
    const watcher = watch(directory, { persistent: false }, (_event, file) => file && changed(file));
    return watcher.on("error", () => watcher.close());
  } catch (thrown) {
    if (thrown instanceof Error && "syscall" in thrown) return null;
    throw thrown;
  }
}
