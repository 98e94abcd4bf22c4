import { fieldNumber } from "./route-map.ts";

/** How HAProxy records a request: values without spaces, the path last. `client` is the variable with the client. */
export function recordFormat(client: string): string {
  return [
    "%[var(txn.route)]",
    "%s",
    "%[var(txn.id)]",
    `%[var(${client})]`,
    "%HM",
    "%[var(txn.host)]",
    "%ST",
    "%[var(txn.t0)]",
    "%[var(txn.answered)]",
    "%[date(0,us)]",
    "%ts",
    "%HPO",
  ].join(" ");
}

/** One request as HAProxy wrote it down. */
export interface RecordLine {
  /** Where its route led; 0: nowhere. */
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

/** The longest path in a record. */
const pathBytes = 2_048;

/** Reads a line; null when it is of a request without a route. */
export function parseAccessRecord(line: string): RecordLine | null {
  const [entry = "-", server = "", id = "", client = "", method = "", host = "", status = "", ...rest] =
    line.split(" ");
  const [began = "", answered = "", ended = "", how = "", path] = rest;
  if (path === undefined || entry === "-") return null;
  const route = entry.split("|");
  const answeredMs = answered === "-" ? null : (Number(answered) - Number(began)) / 1_000;
  const gone = how.startsWith("C") && answeredMs === null;
  return {
    lease: Number(route[fieldNumber("lease") - 1]),
    slot: /^s\d+$/.test(server) ? Number(server.slice(1)) - 1 : null,
    requestId: id,
    client,
    method,
    host,
    status: gone ? clientGone : Number(status),
    durationMs: Math.round((Number(ended) - Number(began)) / 10) / 100,
    answeredMs,
    at: Math.round(Number(began) / 1_000),
    policy: route[fieldNumber("policy") - 1] ?? "",
    // `OPTIONS *` has none.
    path: path.replace(/(?:#[0-9A-F]{2})+/g, plainly).slice(0, pathBytes) || "-",
  };
}

/** HAProxy writes `"`, `#` and what is not ASCII as `#` and two digits. */
function plainly(signs: string): string {
  return Buffer.from(signs.replaceAll("#", ""), "hex").toString("utf8");
}
