import { Fault } from "../../../base/faults.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { untilGone } from "../../stop.ts";

export default defineCommand({
  about:
    "Removes a preview now, as when it expires: stops its instances and deletes its routes and all its values. Asks first,\nand waits until nothing of it runs.",
  args: { name: requiredArgument("The preview, like pr-12") },
  examples: [
    ["fairlead preview remove pr-12", "asks, then removes it"],
    ["fairlead preview remove pr-12 -y --json", "for scripts, e.g. when a pull request is closed"],
  ],
  async run({ args, world }) {
    const { app } = world.key();
    const key = { app, environment: args.name };
    const api = world.api();
    const { items } = await api.call("environments");
    if (!items.some((one) => one.app === app && one.environment === args.name && one.preview !== null))
      throw new Fault("preview.unknown", `${app} has no preview ${args.name}`);
    await world.confirm(`Remove the preview ${args.name} of ${app} and destroy its values?`, args.name);
    await api.call("removePreview", { params: key });
    await untilGone(world, api, key);
    return { removed: key };
  },
  view: ({ removed }) => `Removed the preview ${removed.environment} of ${removed.app}.`,
});
