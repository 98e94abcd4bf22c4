import { Fault } from "../../../base/faults.ts";
import { command, required } from "../../command.ts";
import { text, toggle } from "../../flags.ts";
import { deploymentExit, deploymentText, followDeployment } from "../../follow.ts";
import { permitOf } from "../../readiness.ts";
import { changesText } from "../../views/changes.ts";

export default command({
  about:
    "Brings what one environment serves live in another: the very same artifacts, nothing is built, with the configuration,\nvalues and hosts of the other. Shows first what changes, and asks. Waits for the verdict, which is the exit code.",
  args: {
    from: required("Environment that serves it, like staging"),
    to: required("Environment that gets it, like production"),
  },
  flags: {
    allow: text(
      "--allow <rules>",
      "Errors of the readiness check to let pass, like debug-on,no-probe; kept with the release",
    ),
    because: text("--because <reason>", "Why they are let pass"),
    message: text("-m, --message <text>", "Why, for the list of releases"),
    detach: toggle("--detach", "Do not wait; print the deployment's id"),
  },
  examples: [
    ["fairlead promote staging production", "shows what changes in production, asks, and deploys it"],
    ["fairlead promote staging production -y --json", "for scripts"],
  ],
  async run({ args, flags, world }) {
    const { app } = world.key();
    const { from, to } = args;
    const allow = permitOf(flags);
    if (from === to) throw new Fault("usage.invalid", `${from} cannot be promoted to itself`);
    const api = world.api();
    const key = { app, environment: to };
    const outlook = await api.plan(key, { from });
    world.say(changesText(outlook, world.paint));
    await world.confirm(`Bring what ${from} serves live in ${to}?`);
    const message = flags.message === undefined ? {} : { message: flags.message };
    const { deployment } = await api.beginDeployment(key, {
      kind: "promote",
      from,
      ...message,
      ...(allow && { allow }),
    });
    return followDeployment({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
