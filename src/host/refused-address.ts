import { isErrno } from "../base/faults.ts";

/** Why a process may not listen at an address, and what to do. */
export interface RefusedAddress {
  readonly detail: string;
  readonly hint: string;
}

/** The errors of bind(2) and of name resolution that the address causes, except that it is in use. */
export const addressErrors = ["EACCES", "EPERM", "EADDRNOTAVAIL", "ENOTFOUND"] as const;
export type AddressError = (typeof addressErrors)[number];

/** The error of an address in what was thrown; null: it is another one. */
export function addressErrorOf(thrown: unknown): AddressError | null {
  return addressErrors.find((code) => isErrno(thrown, code)) ?? null;
}

/** Words for an error. Ports below 1024: `ip_unprivileged_port_start` of ip(7), `CAP_NET_BIND_SERVICE` of capabilities(7). */
export function refusedAddress(
  error: AddressError,
  { host, port }: { readonly host: string; readonly port: number },
): RefusedAddress {
  if (error === "EADDRNOTAVAIL") {
    return {
      detail: `${host} is not an address of this machine`,
      hint: "Choose one of its addresses (`ip address` lists them), or 0.0.0.0 for all of them.",
    };
  }
  if (error === "ENOTFOUND") {
    return { detail: `the host name ${host} has no address`, hint: "Write an IP address of this machine, or 0.0.0.0." };
  }
  return {
    detail: `this user may not listen on ${host}:${port} (${error}): port ${port} needs root or CAP_NET_BIND_SERVICE`,
    hint: `Choose a port from 1024 on, start the controller as root, or allow it to all users: \`sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}\`.`,
  };
}
