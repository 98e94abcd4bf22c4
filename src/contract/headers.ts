import type { RouteContract } from "./route.ts";

/** Headers that mean something to the API beside the usual ones. */
export const headers = {
  idempotencyKey: "Idempotency-Key",
  ifMatch: "If-Match",
  /** The name of a protected environment, from whoever wants to change it. */
  confirm: "Fairlead-Confirm",
  lastEventId: "Last-Event-ID",
  requestId: "X-Request-Id",
} as const;

/** Whether a request is done at most once for its Idempotency-Key. */
export function honoursKey({ method, unkept }: RouteContract): boolean {
  return (method === "post" || method === "patch") && !unkept;
}
