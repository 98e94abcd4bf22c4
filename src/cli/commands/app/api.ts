import { Fault } from "../../../base/faults.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { textFlag } from "../../flags.ts";

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];

export default defineCommand({
  about: "Sends one request to the controller's HTTP API (docs/api.md) and prints the body of the answer unchanged.",
  args: {
    method: requiredArgument(`One of ${methods.join(", ")}`),
    path: requiredArgument("Path like /v1/environments"),
  },
  flags: { data: textFlag("-d, --data <json>", "Body, as JSON") },
  examples: [
    ["fairlead api GET /v1/info", "show the controller"],
    ["fairlead api PATCH /v1/apps/shop/environments/production/scale -d '{\"web\":3}'", "change something"],
  ],
  async run({ args, flags, world }) {
    const method = args.method.toUpperCase();
    if (!methods.includes(method)) throw new Fault("usage.invalid", `METHOD must be one of ${methods.join(", ")}`);
    if (!args.path.startsWith("/")) throw new Fault("usage.invalid", "PATH must begin with /");
    const body = flags.data === undefined ? {} : { body: flags.data };
    const answer = await world.api().raw({ method, path: args.path, ...body });
    if (answer !== "") await world.print(answer.trimEnd());
  },
});
