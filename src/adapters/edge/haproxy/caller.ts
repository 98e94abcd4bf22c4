/** Networks of proxies in front that are believed. */
type Trust = readonly string[];

/** The variables with the client: of the connection, unless a proxy in front may name another one per request. */
export function caller(trust: Trust): { readonly client: string; readonly proto: string } {
  const scope = trust.length > 0 ? "txn" : "sess";
  return { client: `${scope}.client`, proto: `${scope}.proto` };
}

/**
 * The client, once for all requests of a connection. The address is stored as text, because HAProxy formats it slowly.
 */
export function whoCalls(trust: Trust): string {
  const lines = [
    "  tcp-request session set-var(sess.client) src,lower",
    "  tcp-request session set-var(sess.proto) ssl_fc,iif(https,http)",
    "  tcp-request session set-var(sess.port) dst_port",
  ];
  const told = [
    "  http-request set-var(txn.client) var(sess.client)",
    "  http-request set-var(txn.proto) var(sess.proto)",
  ];
  return [...lines, ...(trust.length > 0 ? told : [])].join("\n");
}
