import { defineCommand, optionalArgument } from "../../command.ts";
import { meantDeployment } from "../../under-way.ts";

export default defineCommand({
  about:
    "Cancels a deployment. The previous release keeps serving, and new instances are stopped. After the final switch of\ntraffic it can no longer be cancelled: use `fairlead rollback`.",
  args: { id: optionalArgument("Id of the deployment; default: the running one") },
  examples: [
    ["fairlead deployments cancel", "the running deployment"],
    ["fairlead deployments cancel dep_0k3v9m2rxa7qfj --json", "a specific one, for scripts"],
  ],
  async run({ args, world }) {
    const api = world.api();
    return api.call("cancelDeployment", { params: { id: await meantDeployment(world, api, args.id) } });
  },
  view: ({ deployment }) => `cancelling ${deployment.id} of ${deployment.release} (${deployment.status})`,
});
