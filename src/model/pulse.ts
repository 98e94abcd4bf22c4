/** What came of one question to the edge, put to its public address and to its own socket at the same moment. */
export interface EdgeProbe {
  /** When it was put and when it was over, in milliseconds of a clock that never jumps. */
  readonly askedMs: number;
  readonly endedMs: number;
  /** `nothing`: no answer in the time that it has. `refused`: nobody listens there. */
  readonly outside: "answer" | "nothing" | "refused";
  /** Whether the edge's own socket answered. */
  readonly inside: boolean;
}

/** What is known of the edge by its answers. */
export interface Pulse {
  readonly outside: EdgeProbe["outside"];
  readonly inside: boolean;
  /** When the first question was put of those in a row that its own socket did not answer; null: none. */
  readonly deafSinceMs: number | null;
  /** How many those are. */
  readonly inVain: number;
}

/**
 * `away`: nobody listens, so it can be started. `deaf`: its clients are answered, its own socket is not. `busy`: the other way round: it is
 * loaded, and to end it would cut those whom it serves. `silent`: neither is answered.
 */
export type Standing = "answers" | "deaf" | "busy" | "silent" | "away";

/** One question may take this long: a new connection whose first packet is lost waits 1 s (RFC 6298), and then a loaded edge works. */
export const askMs = 3_000;
/** A question that ended so much later than it had to says that its asker was late, and nothing of the edge. */
const latenessMs = 1_000;
/** Slow is who answers within this: a machine that pages, a disk that stalls. Clients wait no longer (HAProxy's socket: 2 and 8 s). */
const hungMs = 10_000;
/** One lost question never ends an edge. */
const hungAsks = 3;

export const firstPulse: Pulse = { outside: "answer", inside: true, deafSinceMs: null, inVain: 0 };

/** What is known after one more question. An asker that was late itself learns nothing from silence. */
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

/** Whether its own socket has answered nothing for so long that it is not just slow. Who is also silent is to be ended. */
export function isHung({ deafSinceMs, inVain }: Pulse, nowMs: number): boolean {
  return deafSinceMs !== null && inVain >= hungAsks && nowMs - deafSinceMs >= hungMs;
}
