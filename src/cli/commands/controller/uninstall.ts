import path from "node:path";
import { defineCommand } from "../../command.ts";
import { textFlag } from "../../flags.ts";

export default defineCommand({
  about:
    "Stops the controller and removes only its systemd unit: apps and the edge keep running, and the state is kept. To stop\nan app, run `fairlead down` while the controller still runs.",
  flags: { root: textFlag("--root <dir>", "Directory given to `install --root`") },
  examples: [
    ["sudo fairlead controller uninstall", "apps keep running"],
    ["fairlead controller uninstall --root ./image", "remove the unit from a machine image"],
  ],
  async run({ flags, world }) {
    const service = await world.host.service();
    return service.uninstall(flags.root === undefined ? null : path.resolve(world.host.cwd, flags.root));
  },
  view: ({ file, change }) =>
    change === "none"
      ? `${file} does not exist: nothing to remove.`
      : `Removed ${file}. Apps, the edge and all state are kept; the next controller adopts them.\ndocs/operating.md describes how to remove them too.`,
});
