import { formatDuration } from "../../../base/duration.ts";
import { Fault } from "../../../base/faults.ts";
import type { EnvKey } from "../../../model/environment.ts";
import { defineCommand } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { stopAndWait } from "../../stop.ts";

export default defineCommand({
  about:
    "Stops every instance of the environment, or with --all of every environment of the app, and waits until they have ended.\nReleases, variables and data stay: the next `fairlead deploy` starts it again.",
  flags: {
    all: toggleFlag("--all", "Every environment of the app, also protected ones; asks to type the app's name"),
  },
  examples: [
    ["fairlead down -e staging", "asks, then stops staging"],
    ["fairlead down -e staging -y --json", "for scripts"],
    ["fairlead down --all --confirm shop", "every environment of the app, for scripts"],
  ],
  async run({ flags, world }) {
    const api = world.api({ confirmed: flags.all });
    const key = world.key();
    let keys: readonly EnvKey[] = [key];
    if (flags.all) {
      const found = (await api.call("environments")).items.filter(({ app }) => app === key.app);
      if (found.length === 0) throw new Fault("app.unknown", `there is no app ${key.app}`);
      keys = found.map(({ app, environment }) => ({ app, environment }));
      const names = keys.map(({ environment }) => environment).join(", ");
      await world.confirmName(`This stops ${key.app} in ${names}.`, key.app);
    } else await world.confirm(`Stop every instance of ${key.app} in ${key.environment}?`, key.environment);
    const started = world.host.now();
    await Promise.all(keys.map((one) => stopAndWait(world, api, one)));
    return { stopped: keys, durationMs: world.host.now() - started };
  },
  view: ({ stopped, durationMs }) => {
    const names = stopped.map(({ app, environment }) => `${app}/${environment}`).join(", ");
    return `Stopped ${names} in ${formatDuration(durationMs)}; data was not changed.`;
  },
});
