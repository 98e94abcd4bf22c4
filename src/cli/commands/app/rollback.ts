import { asFault } from "../../../base/faults.ts";
import type { Client } from "../../../client/client.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { deploymentExit, deploymentText, followToEnd } from "../../follow.ts";
import { namesThatDiffer } from "../../variables.ts";
import type { World } from "../../world.ts";

/** Says what the deployment after the rollback restores. The rollback continues whether or not it can be told. */
async function warnOfReturn(world: World, api: Client, release: string): Promise<void> {
  const warn = (words: string) => world.say(`${world.paint.yellow("warning:")} ${words}`);
  try {
    const differ = namesThatDiffer(await api.call("variables", { params: world.key() }));
    if (differ.length === 0) return;
    const words = `the next deployment changes ${differ.join(", ")} again: the set values differ from those of ${release}`;
    warn(`${words}; if a value was the mistake, set it back first`);
  } catch (thrown) {
    warn(`cannot determine what the next deployment changes again: ${asFault(thrown).detail}`);
  }
}

export default defineCommand({
  about:
    "Rolls back to a previous release with its code and its configuration, without a build and without the release command.\nData and database schemas do not change, and values set with `env set` stay set for the next deployment.",
  args: { release: optionalArgument("Release like v3; default: the newest that was live before the current one") },
  flags: { detach: toggleFlag("--detach", "Do not wait; print the deployment's id") },
  examples: [
    ["fairlead rollback", "back to the previous release"],
    ["fairlead rollback v3 -e staging", "back to a specific release"],
  ],
  async run({ args, flags, world }) {
    const api = world.api();
    const release = args.release === undefined ? {} : { release: args.release };
    const { deployment } = await api.call("beginDeployment", {
      params: world.key(),
      body: { kind: "rollback", ...release },
    });
    await warnOfReturn(world, api, deployment.release);
    return followToEnd({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
