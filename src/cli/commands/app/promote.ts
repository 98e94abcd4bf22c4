import { Fault } from "../../../base/faults.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { deploymentExit, deploymentText, followToEnd } from "../../follow.ts";
import { codeFlags, describedBy } from "../../new-code.ts";
import { confirmNewEnvironment, createFlag } from "../../new-environment.ts";
import { forceFlag, servingUnchanged } from "../../unchanged.ts";
import { changesText } from "../../views/changes.ts";

export default defineCommand({
  about:
    "Deploys the live release of one environment to another: the same artifacts, without a build, with the configuration,\nvalues and hosts of the other. Shows the changes and asks first. Waits for the result; the exit code reports it.",
  args: {
    from: requiredArgument("Source environment, like staging"),
    to: requiredArgument("Target environment, like production"),
  },
  flags: { ...codeFlags, create: createFlag, force: forceFlag },
  examples: [
    ["fairlead promote staging production", "shows the changes in production, asks, and deploys"],
    ["fairlead promote staging production -y --json", "for scripts"],
  ],
  async run({ args, flags, world }) {
    const { app } = world.key();
    const { from, to } = args;
    const described = describedBy(flags);
    if (from === to) throw new Fault("usage.invalid", `${from} cannot be promoted to itself`);
    const api = world.api();
    const key = { app, environment: to };
    await confirmNewEnvironment(world, api, { ...key, create: flags.create });
    const serving = flags.force ? null : await servingUnchanged(api, key, { from });
    if (serving) return serving;
    const preview = await api.call("plan", { params: key, body: { from } });
    world.say(changesText(preview, world.paint));
    await world.confirm(`Deploy the live release of ${from} to ${to}?`, to);
    const { deployment } = await api.call("beginDeployment", {
      params: key,
      body: { kind: "promote", from, ...described },
    });
    return followToEnd({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
