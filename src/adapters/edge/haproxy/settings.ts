import { edgeLimits } from "../table/edge-limits.ts";

/** Limits of the edge that no route sets. */
export const haproxySettings = {
  ...edgeLimits,
  /** How many headers a request may have. */
  headers: 256,
  /** As much of a request's first line is kept for its record. */
  firstLineBytes: 2_200,
  /** HAProxy's buffer: takes the headers of a request or an answer, and an own page. Two are in use while data flows. */
  bufferBytes: 32 * 1024,
  /** A client that neither sends nor takes a byte for this long is cut; one that waits for its answer is not. */
  clientS: 300,
  /** Where no route says how long an app may be silent. */
  serverS: 3_600,
  /** WebSockets that say nothing; a day. */
  tunnelS: 86_400,
  /** The address of a removed container does not answer at all: after one repeated SYN (1 s) another one is tried. */
  connectS: 2,
  /** How long a replaced worker may keep its streams; a day. */
  outliveS: 86_400,
  /** Connections to HAProxy's own sockets that say nothing. */
  cliIdleS: 3_600,
  /** One access record. */
  recordBytes: 4_096,
  /** Access records that wait for a listener: about two seconds at 20,000 a second. */
  ringBytes: 8 * 1024 * 1024,
} as const;
