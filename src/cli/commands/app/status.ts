import { Fault } from "../../../base/faults.ts";
import type { EnvironmentList, StatusView } from "../../../contract/environments.ts";
import { defineCommand } from "../../command.ts";
import type { Paint } from "../../paint.ts";
import { findManifest } from "../../place.ts";
import { environmentsText, statusText } from "../../views/status.ts";

export default defineCommand({
  about:
    "Shows the live release, the running deployment, services with their instances, and URLs: what is observed, not what was\nrequested. Outside a project, without -a, it lists every environment of the controller.",
  examples: [
    ["fairlead status", "production of the app here"],
    ["fairlead status -a shop -e staging --json", "any environment, for scripts"],
  ],
  async run({ world }): Promise<StatusView | EnvironmentList> {
    const { app, environment } = world.globals;
    const somewhere = app !== undefined || findManifest({ cwd: world.host.cwd, globals: world.globals }) !== null;
    if (somewhere) return world.api().call("status", { params: world.key() });
    if (environment !== undefined) throw new Fault("usage.invalid", "-e needs an app: add --app");
    return world.api().call("environments");
  },
  view: (result: StatusView | EnvironmentList, paint: Paint) =>
    "items" in result ? environmentsText(result, paint) : statusText(result, paint),
});
