import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { asFault, type FaultRecord } from "../../../base/faults.ts";
import { createSearch, type Order, type SearchResult } from "./search.ts";

/** A search for the thread. `calledOff` has one element, which is 1 when nothing waits for the result. */
export interface SearchRequest {
  readonly id: number;
  readonly order: Order;
  readonly withinMs: number;
  readonly calledOff: Int32Array;
}

export type SearchReply = { readonly id: number } & (
  | { readonly result: SearchResult }
  | { readonly fault: FaultRecord }
);

/** The search thread: it has its own read-only connection, so that no search blocks anything else. */
const search = createSearch(
  new DatabaseSync((workerData as { file: string }).file, { readOnly: true, timeout: 1_000 }),
);

async function answer({ id, order, withinMs, calledOff }: SearchRequest): Promise<SearchReply> {
  try {
    return { id, result: await search(order, { withinMs, isCalledOff: () => Atomics.load(calledOff, 0) === 1 }) };
  } catch (thrown) {
    return { id, fault: asFault(thrown).toRecord() };
  }
}

parentPort?.on("message", (question: SearchRequest) => {
  void answer(question).then((done) => parentPort?.postMessage(done));
});
