import { command, optional } from "../../command.ts";
import { toggle } from "../../flags.ts";
import { sourceAndKey } from "../../project.ts";
import { changesText } from "../../views/changes.ts";

export default command({
  about:
    "Uploads the source and asks what deploying it would create, change, replace and destroy, compared with what is live;\nvalues that wait (`--stage`) and what `scale` set count. Nothing is done. Values of variables are never shown: + is a new\none, - one that goes, and versions tell of a value that was set.",
  args: { dir: optional("Directory with fairlead.yml; default: here or above") },
  flags: { staged: toggle("--staged", "What `fairlead deploy --staged` would change") },
  examples: [
    ["fairlead plan", "what `fairlead deploy` would change in production"],
    ["fairlead plan -e staging --json", "the same for staging, for scripts"],
  ],
  async run({ args, flags, world }) {
    if (flags.staged) return world.api({ directory: args.dir }).plan(world.key(args.dir), { staged: true });
    const { api, key, sourced } = await sourceAndKey(world, args.dir);
    return api.plan(key, { source: sourced.source });
  },
  view: changesText,
});
