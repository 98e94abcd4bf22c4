import { Fault } from "../../../base/faults.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import { defineCommand } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { untilForgotten } from "../../stop.ts";

export default defineCommand({
  about:
    "Destroys an environment, or with --all every environment of the app: stops its instances, deletes its releases, values,\nevents and log lines, and frees its hosts. It cannot be undone. Refused while volumes exist. The\naudit stays. Always asks to type the name.",
  flags: { all: toggleFlag("--all", "Every environment of the app; asks to type the app's name") },
  examples: [
    ["fairlead destroy -e staging", "asks to type staging, then destroys it"],
    ["fairlead destroy -e staging --confirm staging --json", "for scripts"],
    ["fairlead destroy --all --confirm shop", "the whole app"],
  ],
  async run({ flags, world }) {
    const key = world.key();
    const api = world.api({ confirmed: true });
    const { items } = await api.call("environments");
    const found = items.filter(
      ({ app, environment }) => app === key.app && (flags.all || environment === key.environment),
    );
    if (found.length === 0) throw unknown(key, flags.all, items);
    const names = found.map(({ environment }) => environment);
    const what = "with its releases, values and logs";
    if (flags.all) await world.confirmName(`This destroys ${key.app} in ${names.join(", ")}, ${what}.`, key.app);
    else await world.confirmName(`This destroys ${key.app} in ${key.environment}, ${what}.`, key.environment);
    const destroyed = names.map((environment) => ({ app: key.app, environment }));
    // One after the other: if one is refused, what was printed has gone before it and nothing after it.
    for (const one of destroyed) {
      await api.call("destroy", { params: one });
      world.say(`${keyText(one)} is being taken down`);
    }
    await Promise.all(destroyed.map((one) => untilForgotten(world, api, one)));
    return { destroyed };
  },
  view: ({ destroyed }) => `Destroyed ${destroyed.map(keyText).join(", ")}.`,
});

function unknown({ app, environment }: EnvKey, isAll: boolean, items: readonly EnvKey[]): Fault {
  const known = items.map(keyText).join(", ") || "nothing";
  const words = isAll ? `there is no app ${app}` : `there is no environment ${environment} of ${app}`;
  return new Fault("app.unknown", words, { hint: `The controller has ${known}.` });
}
