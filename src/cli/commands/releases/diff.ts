import { defineCommand, requiredArgument } from "../../command.ts";
import { changesText } from "../../views/changes.ts";

export default defineCommand({
  about:
    "Shows what differs between two releases: code, services, variables by name and version, and release commands that may\nchange the schema of a database. Values are never shown. A rollback runs no release command: the schema stays.",
  args: { from: requiredArgument("Release like v2"), to: requiredArgument("Release like v3") },
  examples: [
    ["fairlead releases diff v2 v3", "what v3 changed"],
    ["fairlead releases diff v3 v2 --json", "what a rollback would change, for scripts"],
  ],
  run: ({ args, world }) =>
    world.api().call("releaseDiff", { params: { ...world.key(), from: args.from, to: args.to } }),
  view: changesText,
});
