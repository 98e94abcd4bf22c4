import { defineCommand, severalArguments } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { deploymentExit, deploymentText, followToEnd } from "../../follow.ts";

export default defineCommand({
  about:
    "Starts new instances of the live release, probes them and stops the old ones, like a deployment without a build. No\nrequest is dropped.",
  args: { services: severalArguments("Services to restart; default: all") },
  flags: { detach: toggleFlag("--detach", "Do not wait; print the deployment's id") },
  examples: [
    ["fairlead restart", "all services"],
    ["fairlead restart worker", "only the worker"],
  ],
  async run({ args, flags, world }) {
    const api = world.api();
    const services = args.services.length === 0 ? {} : { services: [...args.services] };
    const { deployment } = await api.call("beginDeployment", {
      params: world.key(),
      body: { kind: "restart", ...services },
    });
    return followToEnd({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
