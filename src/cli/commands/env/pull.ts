import { resolve } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { writeDotenv } from "../../../manifest/dotenv.ts";
import { isOwnVariable } from "../../../model/release.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { textFlag, toggleFlag } from "../../flags.ts";
import { writePrivate } from "../../private-file.ts";

export default defineCommand({
  about:
    "Writes the variables that a service gets to a .env file that only you can read, for development. The audit records it.\nDo not commit the file.",
  args: { file: optionalArgument("File to write; default: .env.<environment>; - is stdout") },
  flags: {
    service: textFlag("--service <name>", "Service whose variables to write; default: the first"),
    force: toggleFlag("--force", "Overwrite an existing file"),
  },
  examples: [
    ["fairlead env pull -e staging", "writes .env.staging"],
    ["fairlead env pull - --service worker", "to stdout"],
  ],
  async run({ args, flags, world }) {
    const key = world.key();
    const { variables, effective } = await world.api().call("revealVariables", { params: key });
    const services = Object.keys(effective);
    if (flags.service !== undefined && !services.includes(flags.service)) {
      throw new Fault("service.unknown", `${key.app} has no service ${flags.service} in ${key.environment}`);
    }
    const given = effective[flags.service ?? services[0] ?? ""] ?? variables;
    const values = Object.fromEntries(Object.entries(given).filter(([name]) => !isOwnVariable(name)));
    const file = args.file ?? `.env.${key.environment}`;
    if (file === "-") await world.print(writeDotenv(values).trimEnd());
    else await writePrivate(resolve(world.host.cwd, file), { content: writeDotenv(values), force: flags.force });
    return { file, names: Object.keys(values).sort() };
  },
  view: ({ file, names }) =>
    file === "-" ? "" : `Wrote ${names.length} ${names.length === 1 ? "variable" : "variables"} to ${file}.`,
});
