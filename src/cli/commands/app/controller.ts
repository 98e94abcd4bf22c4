import { once } from "node:events";
import path from "node:path";
import { defineCommand } from "../../command.ts";
import { controllerFlags, readControllerFlags } from "../../controller-flags.ts";
import { humanLine } from "../../controller-log.ts";
import { toggleFlag } from "../../flags.ts";

export default defineCommand({
  about:
    "Reconciles, probes and serves the API until SIGTERM or Ctrl-C. Apps and the edge keep running without it; it adopts them\nwhen it starts again. Its socket is controller.sock in the state directory. It logs to stderr: text on a terminal,\notherwise one JSON object per line; -v adds read requests.",
  flags: {
    ...controllerFlags,
    new: toggleFlag("--new", "Start with an empty journal if the old one is lost; running instances are left alone"),
  },
  examples: [
    ["fairlead controller --edge 0.0.0.0:80", "in the foreground"],
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
    if (context.attended) world.say("Apps and the edge keep running without it; `fairlead down` stops apps.");
  },
});
