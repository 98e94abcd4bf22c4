import { defineCommand, optionalArgument } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { sourceAndKey } from "../../project.ts";
import { changesText } from "../../views/changes.ts";

export default defineCommand({
  about:
    "Uploads the source and shows what a deployment would create, change, replace and destroy, compared with what is live.\nIt includes staged values (`--stage`) and counts set by `scale`. Nothing is deployed. Values of variables are never\nshown: + is a new one, - a removed one, and versions show a set value.",
  args: { dir: optionalArgument("Directory with fairlead.yml; default: this one or a parent") },
  flags: { staged: toggleFlag("--staged", "What `fairlead deploy --staged` would change") },
  examples: [
    ["fairlead plan", "what `fairlead deploy` would change in production"],
    ["fairlead plan -e staging --json", "the same for staging, for scripts"],
  ],
  async run({ args, flags, world }) {
    if (flags.staged)
      return world.api({ directory: args.dir }).call("plan", { params: world.key(args.dir), body: { staged: true } });
    const { api, key, sourced } = await sourceAndKey(world, args.dir);
    return api.call("plan", { params: key, body: { source: sourced.source } });
  },
  view: changesText,
});
