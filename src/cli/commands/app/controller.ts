import { once } from "node:events";
import path from "node:path";
import { command } from "../../command.ts";
import { controllerFlags, readControllerFlags } from "../../controller-flags.ts";
import { humanLine } from "../../controller-log.ts";
import { toggle } from "../../flags.ts";

export default command({
  about:
    "Reconciles, probes and serves the API until SIGTERM or Ctrl-C. Apps and the edge go on without it; it takes them over\nagain when it starts. Its socket is controller.sock in the state directory. Its log goes to stderr: for people on a\nterminal, elsewhere a JSON object a line; -v adds what is only read.",
  flags: {
    ...controllerFlags,
    new: toggle("--new", "Begin with an empty journal where the old one is lost; what runs of before is left alone"),
  },
  examples: [
    ["fairlead controller --edge 0.0.0.0:80", "in the foreground; `controller install` makes it a service"],
    ["fairlead controller --edge 0.0.0.0:80 --acme-email ops@example.com", "with certificates from Let's Encrypt"],
    ["fairlead controller --state /var/lib/fairlead --listen 127.0.0.1:7070", "with the API over TCP"],
  ],
  async run({ flags, world }) {
    const { host, context, globals } = world;
    const named = globals.state ?? context.controller.state ?? context.controller.fallback;
    const running = await host.startController({
      ...readControllerFlags(flags),
      stateDirectory: path.resolve(host.cwd, named),
      verbose: context.verbose,
      beginNew: flags.new,
      ...(context.attended && { onLog: (line) => host.stderr.write(`${humanLine(line, world.paint)}\n`) }),
    });
    if (!host.interrupted.aborted) await once(host.interrupted, "abort");
    await running.close();
    if (context.attended) world.say("Apps and the edge go on without it; `fairlead down` would have stopped the apps.");
  },
});
