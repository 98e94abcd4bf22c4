import { resolve } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { writeDotenv } from "../../../manifest/dotenv.ts";
import { isOwnVariable } from "../../../model/release.ts";
import { command, optional } from "../../command.ts";
import { text, toggle } from "../../flags.ts";
import { writePrivate } from "../../private-file.ts";

export default command({
  about:
    "Writes the variables that a service gets to a .env file that only you can read, for development. The audit records it.\nDo not commit the file.",
  args: { file: optional("File to write; default: .env.<environment>; - is stdout") },
  flags: {
    service: text("--service <name>", "Service whose variables to write; default: the first"),
    force: toggle("--force", "Overwrite an existing file"),
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
  view: ({ file, names }) => (file === "-" ? "" : `Wrote ${names.length} variables to ${file}.`),
});
