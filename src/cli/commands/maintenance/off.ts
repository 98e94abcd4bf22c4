import { defineCommand } from "../../command.ts";
import { maintenanceText, untilMaintenance } from "../../maintenance.ts";

export default defineCommand({
  about: "Reopens the environment to its users and waits until the edge has done so.",
  examples: [
    ["fairlead maintenance off", "reopen production"],
    ["fairlead maintenance off -e staging --json", "another environment, for scripts"],
  ],
  async run({ world }) {
    const api = world.api();
    const key = world.key();
    await api.call("endMaintenance", { params: key });
    return untilMaintenance({ world, api, key }, false);
  },
  view: maintenanceText,
});
