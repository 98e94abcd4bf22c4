import { BlockList, isIP, isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { parseNetwork } from "../../../base/network.ts";
import type { Route } from "../../../model/route.ts";

/** Whether an address may call a route; null: every one may. */
export function insidersOf({ inside }: Route): ((address: string) => boolean) | null {
  if (inside === null) return null;
  const calls = trusting(inside.callers);
  return (address) => isIPv4(address) && calls(address);
}

/** Whether an address is in one of these networks. */
export function trusting(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network) list.addSubnet(network.address, network.bits, network.family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

/**
 * Addresses beside its own at which an edge must be found for routes that are for insiders: their doors, and hosts that
 * are addresses themselves. Those that this machine does not have (yet) are omitted, and all of them where `host` is
 * every one.
 */
export function innerDoors(routes: Iterable<Route>, host: string): readonly string[] {
  if (host === "::" || host === "0.0.0.0") return [];
  const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  const isHere = (address: string) => address.startsWith("127.") || own.includes(address);
  const doors = [...routes].flatMap(({ inside, hosts }) =>
    inside ? [...inside.doors, ...hosts.filter((one) => isIPv4(one))] : [],
  );
  return [...new Set(doors)].filter((door) => door !== host && isHere(door)).sort();
}
