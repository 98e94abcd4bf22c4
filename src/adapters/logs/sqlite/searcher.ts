import { Worker } from "node:worker_threads";
import { asFault, Fault } from "../../../base/faults.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Order, SearchResult } from "./search.ts";
import type { SearchReply, SearchRequest } from "./search-worker.ts";

/** Time limit of a search. */
export const searchMs = 10_000;
/** Idle time after which the thread ends: it costs some megabytes, and a few dozen milliseconds to start. */
const idleMs = 60_000;
/** The thread's heap: it unpacks little at a time, but an answer may have ten thousand lines. */
const heapMb = 256;

interface Pending {
  readonly resolve: (result: SearchResult) => void;
  readonly reject: (fault: Fault) => void;
}

/** Searches a store's file in a separate thread, which is started when needed. */
export class Searcher {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #withinMs: number;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #stopIdle = () => {};
  #count = 0;
  #closed = false;

  constructor(file: string, { clock, withinMs = searchMs }: { clock: Clock; withinMs?: number | undefined }) {
    this.#file = file;
    this.#clock = clock;
    this.#withinMs = withinMs;
  }

  /** Whether somebody waits for it. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** Faults: `request.invalid` for a pattern; `operation.failed` when the thread ends. */
  async search(order: Order, signal?: AbortSignal): Promise<SearchResult> {
    if (this.#closed) throw new Fault("operation.failed", "the log store is closed");
    const calledOff = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const callOff = () => Atomics.store(calledOff, 0, 1);
    if (signal?.aborted) callOff();
    signal?.addEventListener("abort", callOff, { once: true });
    const id = ++this.#count;
    this.#stopIdle();
    try {
      return await new Promise<SearchResult>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        const question: SearchRequest = { id, order, withinMs: this.#withinMs, calledOff };
        this.#thread().postMessage(question);
      });
    } finally {
      this.#pending.delete(id);
      signal?.removeEventListener("abort", callOff);
      if (this.#pending.size === 0 && !this.#closed) this.#stopIdle = this.#clock.after(idleMs, () => void this.#end());
    }
  }

  /** Ends the thread unconditionally. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopIdle();
    this.#refuse(new Fault("operation.failed", "the log store was closed"));
    await this.#end();
  }

  #thread(): Worker {
    if (this.#worker) return this.#worker;
    // Beside this file, in the sources as in a release.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./search-worker.${extension}`, import.meta.url), {
      workerData: { file: this.#file },
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    worker.unref();
    worker.on("message", (answer: SearchReply) => {
      const asker = this.#pending.get(answer.id);
      if ("result" in answer) asker?.resolve(answer.result);
      else asker?.reject(new Fault(answer.fault.code, answer.fault.detail, { hint: answer.fault.hint }));
    });
    worker.on("error", (thrown) => this.#gone(worker, asFault(thrown)));
    worker.on("exit", () => this.#gone(worker, new Fault("operation.failed", "the log search was stopped")));
    this.#worker = worker;
    return worker;
  }

  #gone(worker: Worker, fault: Fault): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    this.#refuse(fault);
  }

  #refuse(fault: Fault): void {
    for (const { reject } of this.#pending.values()) reject(fault);
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }
}
