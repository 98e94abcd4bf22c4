import { Fault } from "../../../base/faults.ts";
import { command, required } from "../../command.ts";
import { deploymentExit, deploymentText, followDeployment } from "../../follow.ts";
import { codeFlags, describedBy } from "../../new-code.ts";
import { changesText } from "../../views/changes.ts";

export default command({
  about:
    "Brings what one environment serves live in another: the very same artifacts, nothing is built, with the configuration,\nvalues and hosts of the other. Shows first what changes, and asks. Waits for the verdict, which is the exit code.",
  args: {
    from: required("Environment that serves it, like staging"),
    to: required("Environment that gets it, like production"),
  },
  flags: codeFlags,
  examples: [
    ["fairlead promote staging production", "shows what changes in production, asks, and deploys it"],
    ["fairlead promote staging production -y --json", "for scripts"],
  ],
  async run({ args, flags, world }) {
    const { app } = world.key();
    const { from, to } = args;
    const described = describedBy(flags);
    if (from === to) throw new Fault("usage.invalid", `${from} cannot be promoted to itself`);
    const api = world.api();
    const key = { app, environment: to };
    const outlook = await api.plan(key, { from });
    world.say(changesText(outlook, world.paint));
    await world.confirm(`Bring what ${from} serves live in ${to}?`, to);
    const { deployment } = await api.beginDeployment(key, { kind: "promote", from, ...described });
    return followDeployment({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
