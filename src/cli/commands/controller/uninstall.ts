import path from "node:path";
import { command } from "../../command.ts";
import { text } from "../../flags.ts";

export default command({
  about:
    "Stops the controller and removes its systemd unit, and nothing else: apps and the edge go on without it, and the state\nstays where it is. `fairlead down` stops an app, while the controller still runs.",
  flags: { root: text("--root <dir>", "Where `install --root` wrote it") },
  examples: [
    ["sudo fairlead controller uninstall", "apps go on"],
    ["fairlead controller uninstall --root ./image", "take the unit out of an image of a machine"],
  ],
  async run({ flags, world }) {
    const service = await world.host.service();
    return service.uninstall(flags.root === undefined ? null : path.resolve(world.host.cwd, flags.root));
  },
  view: ({ file, change }) =>
    change === "none"
      ? `There is no ${file}: nothing to take away.`
      : `Removed ${file}. Apps, the edge and all state stay as they are; a controller that is started again takes them over.\nHow to take those away too is in docs/operating.md.`,
});
