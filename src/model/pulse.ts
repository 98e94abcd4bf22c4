/** The result of one probe of the edge, at its public address and its own socket at the same time. */
export interface EdgeProbe {
  /** Its start and end, in milliseconds of a monotonic clock. */
  readonly askedMs: number;
  readonly endedMs: number;
  /** `nothing`: no answer in time. `refused`: nothing listens there. */
  readonly outside: "answer" | "nothing" | "refused";
  /** Whether the edge's own socket answered. */
  readonly inside: boolean;
}

/** The state of the edge by its answers. */
export interface Pulse {
  readonly outside: EdgeProbe["outside"];
  readonly inside: boolean;
  /** When the first of the consecutive probes that its own socket did not answer started; null: none. */
  readonly deafSinceMs: number | null;
  /** Number of those probes. */
  readonly inVain: number;
}

/**
 * `away`: nothing listens, so it can be started. `deaf`: clients get answers, its own socket gives none. `busy`: the
 * reverse: it is loaded, and killing it would cut the clients it serves. `silent`: neither answers.
 */
export type Standing = "answers" | "deaf" | "busy" | "silent" | "away";

/** Time limit of a probe: a connection whose first packet is lost waits 1 s (RFC 6298), plus a loaded edge's time. */
export const askMs = 3_000;
/** A probe that ended this much after its limit shows that the prober was late, and nothing about the edge. */
const latenessMs = 1_000;
/** An edge that answers within this is slow, not hung. Clients wait no longer (HAProxy's socket: 2 and 8 s). */
const hungMs = 10_000;
/** One lost probe never kills an edge. */
const hungAsks = 3;

export const firstPulse: Pulse = { outside: "answer", inside: true, deafSinceMs: null, inVain: 0 };

/** The state after one more probe. A late prober learns nothing from silence. */
export function afterAsk(pulse: Pulse, { askedMs, endedMs, outside, inside }: EdgeProbe): Pulse {
  const isWhole = outside === "answer" && inside;
  if (!isWhole && endedMs - askedMs > askMs + latenessMs) return pulse;
  if (inside) return { outside, inside, deafSinceMs: null, inVain: 0 };
  return { outside, inside, deafSinceMs: pulse.deafSinceMs ?? askedMs, inVain: pulse.inVain + 1 };
}

export function standingOf({ outside, inside }: Pulse): Standing {
  if (outside === "answer") return inside ? "answers" : "deaf";
  if (inside) return "busy";
  return outside === "refused" ? "away" : "silent";
}

/**
 * Whether its own socket has been silent for so long that it is not just slow. An edge that is also silent to clients
 * must be killed.
 */
export function isHung({ deafSinceMs, inVain }: Pulse, nowMs: number): boolean {
  return deafSinceMs !== null && inVain >= hungAsks && nowMs - deafSinceMs >= hungMs;
}
