import { Fault } from "../../../base/faults.ts";
import { defineCommand, severalArguments } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { namesThatDiffer, sendVariables, variablesExit, variablesText } from "../../variables.ts";

export default defineCommand({
  about:
    "Unsets variables that were set with `env set`, so that the manifest's values apply again. If a release is live,\ndeploys a new release with the same code and waits for it. Asks first.",
  args: { names: severalArguments("Names of variables") },
  flags: {
    stage: toggleFlag("--stage", "Keep it for the next deployment instead of deploying it now"),
    detach: toggleFlag("--detach", "Do not wait for the deployment"),
  },
  examples: [
    ["fairlead env unset LOG_LEVEL", "asks, then unsets it"],
    ["fairlead env unset LOG_LEVEL SENTRY_DSN -y --json", "for scripts"],
  ],
  async run({ args, flags, world }) {
    if (args.names.length === 0) throw new Fault("usage.invalid", "which variable? Pass its name");
    const view = await world.api().call("variables", { params: world.key() });
    // What an earlier `--stage` unset may still be live.
    const known = [...Object.keys(view.variables), ...namesThatDiffer(view)];
    const unknown = args.names.filter((name) => !known.includes(name));
    if (unknown.length > 0) throw new Fault("value.unknown", `there is no variable ${unknown.join(", ")} that is set`);
    await world.confirm(`Unset ${args.names.join(", ")}?`, world.key().environment);
    const set = Object.fromEntries(args.names.map((name) => [name, null]));
    return sendVariables(world, { set, ...(flags.stage && { stage: true }) }, flags.detach);
  },
  view: variablesText,
  exit: variablesExit,
});
