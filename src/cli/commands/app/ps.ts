import { defineCommand } from "../../command.ts";
import { instancesText } from "../../views/status.ts";

export default defineCommand({
  about: "Lists every running instance with its state, memory, restarts and address, and the gate it passed.",
  examples: [
    ["fairlead ps", "instances of production"],
    ["fairlead ps -e staging --json", "the same for staging, for scripts"],
  ],
  async run({ world }) {
    const { app, environment, services } = await world.api().call("status", { params: world.key() });
    const instances = services.flatMap(({ name, instances }) => instances.map((one) => ({ service: name, ...one })));
    return { app, environment, instances };
  },
  view: ({ instances, ...key }, paint) => instancesText(instances, key, paint),
});
