import { asFault, Fault } from "../../../base/faults.ts";
import { waitFor } from "../../../client/events.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { completionScript, type NameKind, nameKinds, shells } from "../../completion.ts";
import { textFlag } from "../../flags.ts";
import type { World } from "../../world.ts";

const kinds = Object.keys(nameKinds) as readonly NameKind[];
/** A name that a shell takes for nothing else. */
const harmless = /^\w[\w.-]*$/;
/** How long somebody who pressed Tab waits. */
const patienceMs = 2_000;

export default defineCommand({
  about:
    "Prints a script that completes commands, flags, and the names that the controller knows: apps, environments, services,\nreleases and deployments.",
  args: { shell: optionalArgument(shells.join(", ")) },
  flags: { names: textFlag("--names <kind>", `For the script: print the known ${kinds.join(", ")}`) },
  examples: [
    ["source <(fairlead completion bash)", "for this shell; in ~/.bashrc for all shells"],
    ["fairlead completion fish > ~/.config/fish/completions/fairlead.fish", "for fish"],
  ],
  async run({ args, flags, world }) {
    const kind = kinds.find((one) => one === flags.names);
    const shell = shells.find((one) => one === args.shell);
    if (kind) {
      for (const name of await namesOf(world, kind)) await world.print(name);
    } else if (shell) await world.print((await completionScript(shell)).trimEnd());
    else if (flags.names !== undefined) throw new Fault("usage.invalid", `--names must be one of ${kinds.join(", ")}`);
    else throw new Fault("usage.invalid", `SHELL must be one of ${shells.join(", ")}`);
  },
});

/** Nothing where no controller answers: who completes a line wants no error in it. */
async function namesOf(world: World, kind: NameKind): Promise<readonly string[]> {
  const late = waitFor(patienceMs).then(() => []);
  try {
    return [...new Set(await Promise.race([askNames(world, kind), late]))].filter((name) => harmless.test(name));
  } catch (thrown) {
    asFault(thrown);
    return [];
  }
}

async function askNames(world: World, kind: NameKind): Promise<readonly string[]> {
  const api = world.api();
  if (kind === "apps") return (await api.call("environments")).items.map(({ app }) => app);
  const params = world.key();
  switch (kind) {
    case "environments": {
      const { items } = await api.call("environments");
      return items.filter(({ app }) => app === params.app).map(({ environment }) => environment);
    }
    case "services":
      return (await api.call("status", { params })).services.map(({ name }) => name);
    case "releases":
      return (await api.call("releases", { params, query: {} })).items.map(({ release }) => release);
    case "deployments":
      return (await api.call("deployments", { params, query: {} })).items.map(({ id }) => id);
  }
}
