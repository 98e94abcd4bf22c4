import { once } from "node:events";
import path from "node:path";
import { Fault } from "../../../base/faults.ts";
import { parseNetwork } from "../../../base/network.ts";
import { command } from "../../command.ts";
import { humanLine } from "../../controller-log.ts";
import { text, toggle } from "../../flags.ts";
import { readAddress } from "../../place.ts";
import { platformFlags, platformOf } from "../../platform.ts";

export default command({
  about:
    "Reconciles, probes and serves the API until SIGTERM or Ctrl-C. Apps and the edge go on without it; it takes them over\nagain when it starts. Its socket is controller.sock in the state directory. Its log goes to stderr: for people on a\nterminal, elsewhere a JSON object a line; -v adds what is only read.",
  flags: {
    listen: text("--listen <address>", "Serve the API over TCP too, with the token in FAIRLEAD_TOKEN"),
    edge: text("--edge <address>", "Where the edge takes traffic (default 127.0.0.1:8080)"),
    trustProxy: text(
      "--trust-proxy <networks>",
      "Proxies in front of the edge, like 10.0.0.0/8,192.0.2.7: what they say of their clients is believed",
    ),
    proxyProtocol: toggle("--proxy-protocol", "Connections from --trust-proxy begin with a PROXY protocol header"),
    ...platformFlags,
    ports: text("--ports <from-to>", "Ports that instances get"),
    runAs: text("--run-as <user>", "Unprivileged user that instances run as"),
  },
  examples: [
    ["fairlead controller --edge 0.0.0.0:80", "a daemon, for a service manager"],
    ["fairlead controller --state /var/lib/fairlead --listen 127.0.0.1:7070", "with the API over TCP"],
  ],
  async run({ flags, world }) {
    if (flags.proxyProtocol && flags.trustProxy === undefined) {
      throw new Fault("usage.invalid", "--proxy-protocol needs --trust-proxy, which says from whom it is taken");
    }
    const { host, context, globals } = world;
    const named = globals.state ?? context.controller.state ?? context.controller.fallback;
    const running = await host.startController({
      stateDirectory: path.resolve(host.cwd, named),
      listen: flags.listen === undefined ? null : readAddress("--listen", flags.listen),
      edge: readAddress("--edge", flags.edge ?? "127.0.0.1:8080"),
      verbose: context.verbose,
      ...(context.attended && { onLog: (line) => host.stderr.write(`${humanLine(line, world.paint)}\n`) }),
      ...(flags.trustProxy !== undefined && { frontProxies: readProxies(flags.trustProxy, flags.proxyProtocol) }),
      ...platformOf(flags),
      ...(flags.ports !== undefined && { ports: readPorts(flags.ports) }),
      ...(flags.runAs !== undefined && { runAs: flags.runAs }),
    });
    if (!host.interrupted.aborted) await once(host.interrupted, "abort");
    await running.close();
    if (context.attended) world.say("Apps and the edge go on without it; `fairlead down` would have stopped the apps.");
  },
});

function readProxies(given: string, proxyProtocol: boolean): { trust: readonly string[]; proxyProtocol: boolean } {
  const trust = given.split(",").map((one) => one.trim());
  const bad = trust.find((one) => parseNetwork(one) === null);
  if (bad === undefined) return { trust, proxyProtocol };
  throw new Fault("usage.invalid", `--trust-proxy must be addresses or networks like 10.0.0.0/8, not ${bad}`);
}

function readPorts(given: string): { from: number; to: number } {
  const found = /^(\d{1,5})-(\d{1,5})$/.exec(given);
  const [from, to] = [Number(found?.[1]), Number(found?.[2])];
  if (!(from >= 1 && from <= to && to <= 65_535)) {
    throw new Fault("usage.invalid", "--ports must be like 20000-29999");
  }
  return { from, to };
}
