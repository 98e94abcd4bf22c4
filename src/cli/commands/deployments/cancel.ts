import { command, optional } from "../../command.ts";
import { meantDeployment } from "../../under-way.ts";

export default command({
  about:
    "Asks a deployment to end. What served before goes on serving; what was started is stopped. Once traffic has been\nswitched for good there is no way back: use `fairlead rollback`.",
  args: { id: optional("Id of the deployment; default: the one under way") },
  examples: [
    ["fairlead deployments cancel", "the one under way"],
    ["fairlead deployments cancel dep_0k3v9m2rxa7qfj --json", "a certain one, for scripts"],
  ],
  async run({ args, world }) {
    const api = world.api();
    return api.cancelDeployment(await meantDeployment(world, api, args.id));
  },
  view: ({ deployment }) => `${deployment.id} of ${deployment.release} is asked to end (${deployment.status})`,
});
