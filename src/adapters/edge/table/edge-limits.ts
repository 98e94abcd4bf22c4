/** Limits that no route sets and that are the same on both edges. */
export const edgeLimits = {
  /** All headers of a request; what nginx and Node take by default. */
  headerBytes: 16 * 1024,
  /** From the first byte of a request to the end of its headers (slowloris). */
  headersMs: 10_000,
  /** From a connection for TLS to the end of its handshake, and for a PROXY protocol header. */
  handshakeMs: 10_000,
  /** Browsers keep idle connections for 60–115 s; closing earlier than clients do costs them failed requests. */
  clientIdleMs: 75_000,
  /** A client that was refused is cut when it sends nothing for so long, and at the latest after so long (nginx: `lingering_timeout`, `lingering_time`). */
  lingerMs: 5_000,
  lingerMostMs: 30_000,
  /** Answers shorter than this are not worth compressing. */
  compressFrom: 1_024,
} as const;
