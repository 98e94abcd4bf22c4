import { defineCommand, requiredArgument } from "../../command.ts";
import { table } from "../../paint.ts";

export default defineCommand({
  about:
    "Lists every version of a set value, newest first, and the releases that use it. A rollback restores the version that its\nrelease had. Values are never shown.",
  args: { name: requiredArgument("Name of a variable") },
  examples: [
    ["fairlead env versions API_KEY", "when and by whom it was changed, and what uses it"],
    ["fairlead env versions API_KEY -e staging --json", "for scripts"],
  ],
  async run({ args, world }) {
    return {
      name: args.name,
      ...(await world.api().call("versions", { params: { ...world.key(), variable: args.name } })),
    };
  },
  view({ name, items }, paint) {
    const rows = items.map(({ version, digest, setAt, setBy, state, releases }) => [
      `${name}@${version}`,
      state === "destroyed" ? paint.dim("destroyed") : paint.dim(`•••• ${digest}`),
      state === "set" ? paint.green("set now") : state,
      setAt.slice(0, 19).replace("T", " "),
      setBy,
      releases.join(" ") || "-",
    ]);
    return table(["VERSION", "VALUE", "STATE", "SET (UTC)", "BY", "RELEASES"], rows, paint);
  },
});
