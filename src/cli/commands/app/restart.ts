import { command, several } from "../../command.ts";
import { toggle } from "../../flags.ts";
import { deploymentExit, deploymentText, followDeployment } from "../../follow.ts";

export default command({
  about:
    "Starts new instances of the serving release, proves them healthy and stops the old ones, like a deployment without a\nbuild. No request is dropped.",
  args: { services: several("Services to restart; default: all") },
  flags: { detach: toggle("--detach", "Do not wait; print the deployment's id") },
  examples: [
    ["fairlead restart", "all services"],
    ["fairlead restart worker", "only the worker"],
  ],
  async run({ args, flags, world }) {
    const api = world.api();
    const services = args.services.length === 0 ? {} : { services: [...args.services] };
    const { deployment } = await api.beginDeployment(world.key(), { kind: "restart", ...services });
    return followDeployment({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
