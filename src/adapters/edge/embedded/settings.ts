import { edgeLimits } from "../table/edge-limits.ts";

/** Limits of the edge that no route sets. Each says where its number comes from. */
export const embeddedSettings = {
  ...edgeLimits,
  /** All headers of an app's answer: apps with many cookies send more than clients do. */
  answerHeaderBytes: 64 * 1024,
  /** A whole request with its body; an upload of 10 MB over a 100 kbit/s line takes 14 minutes. */
  requestMs: 20 * 60_000,
  /** Between two chunks of a request's body. */
  bodyIdleMs: 30_000,
  /** Idle connections to an app: below the shortest default of the app servers (gunicorn 2 s, Node and uvicorn 5 s). */
  upstreamIdleMs: 1_500,
  connectMs: 5_000,
  /** Requests that may wait behind the one that is served on their connection before no more is read from it. */
  pipelined: 100,
  /** A client that reads no byte of an answer for this long is cut off. */
  stalledMs: 5 * 60_000,
  /** Requests waiting at one held route. */
  waiting: 10_000,
  /** Client addresses remembered per limited route, about 10 MB at most. */
  addresses: 50_000,
  /** Up to this size copying an answer costs less than a second buffer in its write. */
  joinedBytes: 8 * 1024,
  /** Delay after which access records are sent. */
  recordsMs: 100,
  /** Access records that may wait for one slow listener. */
  recordsBytes: 4 * 1024 * 1024,
  /** A route table, or all certificates, as JSON. */
  tableBytes: 8 * 1024 * 1024,
  /** From the wish to stop until connections still open are cut. */
  drainMs: 10_000,
} as const;

/** What the adapter and the edge process speak; a change that an older one would misread raises it. */
export const protocol = 3;
