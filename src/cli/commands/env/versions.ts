import { command, required } from "../../command.ts";
import { table } from "../../paint.ts";

export default command({
  about:
    "Lists every version of a value that was set, newest first, and the releases that have it. A rollback brings back the\nversion that its release had. Values are never shown.",
  args: { name: required("Name of a variable") },
  examples: [
    ["fairlead env versions API_KEY", "when it was changed, by whom, and what still has it"],
    ["fairlead env versions API_KEY -e staging --json", "for scripts"],
  ],
  async run({ args, world }) {
    return { name: args.name, ...(await world.api().versions(world.key(), args.name)) };
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
