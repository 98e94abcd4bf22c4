import type { Address } from "../model/instance.ts";
import type { JsonCondition } from "../model/release.ts";

export type ProbeRequest =
  | { readonly kind: "tcp"; readonly address: Address; readonly timeoutMs: number }
  | {
      readonly kind: "http";
      readonly address: Address;
      readonly path: string;
      readonly host: string;
      /** Expected status; null means any from 200 to 399. Redirects are never followed (X003). */
      readonly status: number | null;
      readonly json: readonly JsonCondition[];
      readonly timeoutMs: number;
    };

export interface ProbeAnswer {
  readonly good: boolean;
  /** e.g. `GET /ready → 503` or `GET /ready → 200, status is "degraded", wanted "healthy"`. */
  readonly words: string;
  /** Nobody listens at that address. */
  readonly refused: boolean;
}

/** Asks an instance from outside, over the network. Never throws. */
export interface Prober {
  probe(request: ProbeRequest): Promise<ProbeAnswer>;
}
