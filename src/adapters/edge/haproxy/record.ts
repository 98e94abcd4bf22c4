/** How HAProxy writes down a request: values that hold no space, the path last. */
export const recordFormat = [
  "%[var(txn.lease)]",
  "%s",
  "%[var(txn.id)]",
  "%[var(txn.client)]",
  "%HM",
  "%[var(txn.host)]",
  "%ST",
  "%[date(0,us),sub(txn.t0)]",
  "%[var(txn.wait)]",
  "%ts",
  "%[var(txn.t0)]",
  "%[var(txn.policy)]",
  "%[var(txn.path)]",
].join(" ");

/** One request as HAProxy wrote it down. */
export interface RecordLine {
  /** 0: no upstream was chosen. */
  readonly lease: number;
  /** Counted from 0; null: none. */
  readonly slot: number | null;
  readonly requestId: string;
  readonly client: string;
  readonly method: string;
  readonly host: string;
  readonly status: number;
  readonly durationMs: number;
  /** From the request to the first byte of the app's answer; null: there was none. */
  readonly answeredMs: number | null;
  readonly at: number;
  /** Names the route. */
  readonly policy: string;
  readonly path: string;
}

/** nginx's own number for a client that went away before its answer. */
const clientGone = 499;

/** Reads a line; null when it is of a request without a route. */
export function parseRecord(line: string): RecordLine | null {
  const [
    lease = "-",
    server = "",
    id = "",
    client = "",
    method = "",
    host = "",
    status = "",
    took = "",
    wait = "",
    how = "",
    at = "",
    policy = "-",
    path,
  ] = line.split(" ");
  if (path === undefined || policy === "-" || lease === "-") return null;
  const answeredMs = wait === "-" ? null : Number(wait) / 1_000;
  const gone = how.startsWith("C") && answeredMs === null;
  return {
    lease: Number(lease),
    slot: /^s\d+$/.test(server) ? Number(server.slice(1)) - 1 : null,
    requestId: id,
    client,
    method,
    host,
    status: gone ? clientGone : Number(status),
    durationMs: Math.round(Number(took) / 10) / 100,
    answeredMs,
    at: Math.round(Number(at) / 1_000),
    policy,
    path,
  };
}
