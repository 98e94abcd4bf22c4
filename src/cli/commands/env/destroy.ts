import { Fault } from "../../../base/faults.ts";
import { command, required } from "../../command.ts";

export default command({
  about:
    "Destroys one version of a value for good, after a leak for example. Refused while it is what is set, and while a release\nneeds it that serves or can be gone back to. Asks first.",
  args: { version: required("Version like API_KEY@3; see `fairlead env versions`") },
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
    await world.confirm(`Destroy ${args.version} of ${key.app} in ${key.environment} for good?`, key.environment);
    await world.api().destroyVersion(key, name, version);
    return { destroyed: args.version };
  },
  view: ({ destroyed }) => `Destroyed ${destroyed}.`,
});
