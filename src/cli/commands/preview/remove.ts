import { command, required } from "../../command.ts";
import { untilGone } from "../../stop.ts";

export default command({
  about:
    "Takes a preview down now, as it is when its time is over: instances stopped, routes and all its values gone. Asks first,\nand waits until nothing of it runs any more.",
  args: { name: required("The preview, like pr-12") },
  examples: [
    ["fairlead preview remove pr-12", "asks, then takes it down"],
    ["fairlead preview remove pr-12 -y --json", "for scripts, like when a pull request is closed"],
  ],
  async run({ args, world }) {
    const { app } = world.key();
    const key = { app, environment: args.name };
    await world.confirm(`Take the preview ${args.name} of ${app} down and destroy its values?`, args.name);
    const api = world.api();
    await api.removePreview(key);
    await untilGone(world, api, key);
    return { removed: key };
  },
  view: ({ removed }) => `Removed the preview ${removed.environment} of ${removed.app}.`,
});
