import type { AccessRecord } from "../../../model/route.ts";
import { embeddedSettings } from "./settings.ts";

/** Where records go: takes a batch of lines, and says how many bytes it has not passed on yet. */
export interface RecordSink {
  write(lines: string): unknown;
  readonly writableLength: number;
}

/** Collects access records and sends them, as lines of JSON, to listeners. Without listeners they cost nothing. */
export class Records {
  readonly #sinks = new Set<RecordSink>();
  #batch: AccessRecord[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;

  /** Records that a listener did not get because it was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  add(record: AccessRecord): void {
    if (this.#sinks.size === 0) return;
    this.#batch.push(record);
    this.#timer ??= setTimeout(() => this.#send(), embeddedSettings.recordsMs);
  }

  /** Sends to this sink until the answer is called. */
  listen(sink: RecordSink): () => void {
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  #send(): void {
    this.#timer = undefined;
    const batch = this.#batch;
    this.#batch = [];
    const lines = batch.map((record) => `${JSON.stringify(record)}\n`).join("");
    for (const sink of this.#sinks) {
      if (sink.writableLength > embeddedSettings.recordsBytes) this.#dropped += batch.length;
      else sink.write(lines);
    }
  }
}
