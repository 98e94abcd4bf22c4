/** Headers that mean something to the API beside the usual ones. */
export const headers = {
  idempotencyKey: "Idempotency-Key",
  ifMatch: "If-Match",
  /** The name of a protected environment, from whoever wants to change it. */
  confirm: "Fairlead-Confirm",
  lastEventId: "Last-Event-ID",
  requestId: "X-Request-Id",
} as const;
