import type { Address } from "../model/instance.ts";
import type { JsonCondition, ReadyProbe } from "../model/release.ts";

export type ProbeRequest =
  | { readonly kind: "tcp"; readonly address: Address; readonly timeoutMs: number }
  | {
      readonly kind: "http";
      readonly address: Address;
      readonly path: string;
      readonly host: string;
      /**
       * Expected status; null means any from 200 to 399; `below 500` any but an answer by which a framework refuses
       * the host. Redirects are never followed (X003).
       */
      readonly status: ReadyProbe["status"] | null;
      readonly json: readonly JsonCondition[];
      readonly timeoutMs: number;
    };

export interface ProbeAnswer {
  readonly good: boolean;
  /** e.g. `GET /ready → 503` or `GET /ready → 200, status is "degraded", wanted "healthy"`. */
  readonly words: string;
  /** Nothing listens at that address. */
  readonly refused: boolean;
  /** The prober was busy meanwhile, so that a bad answer says nothing. Omitted: it was not. */
  readonly late?: true;
}

/**
 * Whether an answer says nothing about the instance: it is bad, and the prober was not running when it came or was due.
 * A timeout that took much longer than it should shows that the prober was not there to end it.
 */
export function isVoid({ timeoutMs }: ProbeRequest, { good, late }: ProbeAnswer, tookMs: number): boolean {
  return !good && (late === true || tookMs > 2 * timeoutMs + 1_000);
}

/** Probes an instance from outside, over the network. Never throws. */
export interface Prober {
  probe(request: ProbeRequest): Promise<ProbeAnswer>;
}
