import { defineCommand, optionalArgument } from "../../command.ts";
import { deploymentExit, deploymentText, followToEnd } from "../../follow.ts";
import { meantDeployment } from "../../under-way.ts";

export default defineCommand({
  about: "Follows a deployment to its end, as `fairlead deploy` does; the exit code reports the result.",
  args: { id: optionalArgument("Id of the deployment; default: the running one") },
  examples: [
    ["fairlead deployments attach", "the running deployment"],
    ["fairlead deployments attach dep_0k3v9m2rxa7qfj --timeout 5m --json", "a specific one, for scripts"],
  ],
  async run({ args, world }) {
    const api = world.api();
    const { deployment } = await api.call("deployment", { params: { id: await meantDeployment(world, api, args.id) } });
    return followToEnd({ world, api }, deployment);
  },
  view: deploymentText,
  exit: deploymentExit,
});
