import { Fault } from "../../../base/faults.ts";
import { defineCommand, requiredArgument } from "../../command.ts";

export default defineCommand({
  about:
    "Permanently destroys one version of a value, for example after a leak. Refused while it is the current value, and while\na release that serves or can be rolled back to needs it. Asks first.",
  args: { version: requiredArgument("Version like API_KEY@3; see `fairlead env versions`") },
  examples: [
    ["fairlead env destroy API_KEY@3", "asks, then destroys it"],
    ["fairlead env destroy API_KEY@3 -y --json", "for scripts"],
  ],
  async run({ args, world }) {
    const [, name, version] = /^([A-Za-z_]\w{0,127})@([1-9]\d{0,8})$/.exec(args.version) ?? [];
    if (name === undefined || version === undefined) {
      throw new Fault("usage.invalid", "a version is written as NAME@NUMBER, like API_KEY@3");
    }
    const key = world.key();
    await world.confirm(`Permanently destroy ${args.version} of ${key.app} in ${key.environment}?`, key.environment);
    await world.api().call("destroyValue", { params: { ...key, variable: name, version } });
    return { destroyed: args.version };
  },
  view: ({ destroyed }) => `Destroyed ${destroyed}.`,
});
