import { Fault } from "../../../base/faults.ts";
import { defineCommand, optionalArgument } from "../../command.ts";

export default defineCommand({
  about: "Opens a service's URL in the browser; without a browser (a pipe, CI, --json) only prints the URL.",
  args: { service: optionalArgument("Service; default: the first one with a URL") },
  examples: [
    ["fairlead open", "the app in the browser"],
    ["fairlead open api --json", "just the URL of a service"],
  ],
  async run({ args, world }) {
    const { urls } = await world.api().call("status", { params: world.key() });
    const found = args.service === undefined ? urls[0] : urls.find(({ service }) => service === args.service);
    if (!found) {
      const what = args.service === undefined ? "no service has" : `the service ${args.service} does not have`;
      throw new Fault("service.unknown", `${what} a URL`);
    }
    if (world.context.browser) await world.host.openUrl(found.url);
    return found;
  },
  view: ({ url }) => url,
});
