import { Fault } from "../base/faults.ts";
import { parseNetwork } from "../base/network.ts";
import { type FlagValues, longName, textFlag, toggleFlag } from "./flags.ts";
import { readAddress } from "./place.ts";
import { platformFlags, platformOf } from "./platform.ts";
import { tlsFlags, tlsOf } from "./tls.ts";
import type { ControllerSettings } from "./world.ts";

/** Flags of a controller daemon; `controller install` accepts the same and records them. */
export const controllerFlags = {
  listen: textFlag(
    "--listen <address>",
    "Also serve the API over TCP, with tokens; the controller's own is in FAIRLEAD_TOKEN",
  ),
  edge: textFlag("--edge <address>", "Address where the edge takes traffic (default 127.0.0.1:8080)"),
  ...tlsFlags,
  trustProxy: textFlag(
    "--trust-proxy <networks>",
    "Proxies whose headers about clients are trusted, like 10.0.0.0/8,192.0.2.7",
  ),
  proxyProtocol: toggleFlag("--proxy-protocol", "Connections from --trust-proxy begin with a PROXY protocol header"),
  ...platformFlags,
  ports: textFlag("--ports <from-to>", "Range of ports for instances"),
  appUids: textFlag(
    "--app-uids <from-to>",
    "Users of a controller run as root: the edge, the store, one for each environment",
  ),
  runAs: textFlag("--run-as <user>", "One unprivileged user for all apps, which are then not isolated"),
};

export type ControllerFlags = FlagValues<typeof controllerFlags>;

/** The same as controller options. Faults: `usage.invalid`. */
export function readControllerFlags(
  flags: ControllerFlags,
): Omit<ControllerSettings, "stateDirectory" | "onLog" | "verbose"> {
  if (flags.proxyProtocol && flags.trustProxy === undefined) {
    throw new Fault("usage.invalid", "--proxy-protocol needs --trust-proxy, which names the proxies that send it");
  }
  const edge = readAddress("--edge", flags.edge ?? "127.0.0.1:8080");
  return {
    listen: flags.listen === undefined ? null : readAddress("--listen", flags.listen),
    edge,
    ...tlsOf(flags, edge),
    ...(flags.trustProxy !== undefined && { frontProxies: readProxies(flags.trustProxy, flags.proxyProtocol) }),
    ...platformOf(flags),
    ...(flags.ports !== undefined && { ports: readPorts(flags.ports) }),
    ...(flags.appUids !== undefined && { appUids: readUids(flags.appUids) }),
    ...(flags.runAs !== undefined && { runAs: flags.runAs }),
  };
}

/** The same as command-line arguments; unset ones are omitted. */
export function controllerWords(flags: ControllerFlags): readonly string[] {
  return Object.entries(controllerFlags).flatMap(([name, { spec }]) => {
    const value = flags[name as keyof ControllerFlags];
    if (value === undefined || value === false) return [];
    return value === true ? [longName(spec)] : [longName(spec), value];
  });
}

function readProxies(given: string, proxyProtocol: boolean): { trust: readonly string[]; proxyProtocol: boolean } {
  const trust = given.split(",").map((one) => one.trim());
  const bad = trust.find((one) => parseNetwork(one) === null);
  if (bad === undefined) return { trust, proxyProtocol };
  throw new Fault("usage.invalid", `--trust-proxy must be addresses or networks like 10.0.0.0/8, not ${bad}`);
}

function readUids(given: string): { from: number; to: number } {
  const found = /^(\d{1,10})-(\d{1,10})$/.exec(given);
  const [from, to] = [Number(found?.[1]), Number(found?.[2])];
  if (!(from <= to)) throw new Fault("usage.invalid", "--app-uids must be like 70000-79999");
  return { from, to };
}

function readPorts(given: string): { from: number; to: number } {
  const found = /^(\d{1,5})-(\d{1,5})$/.exec(given);
  const [from, to] = [Number(found?.[1]), Number(found?.[2])];
  if (!(from >= 1 && from <= to && to <= 65_535)) {
    throw new Fault("usage.invalid", "--ports must be like 20000-29999");
  }
  return { from, to };
}
