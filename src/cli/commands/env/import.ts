import { resolve } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { decodeText } from "../../../base/text.ts";
import { readDotenv } from "../../../manifest/dotenv.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { readGivenFile } from "../../given-file.ts";
import { confirmNewEnvironment, createFlag } from "../../new-environment.ts";
import { sendVariables, variablesExit, variablesText } from "../../variables.ts";

/** Four bytes for each character that `readDotenv` takes. */
const fileBytes = 4 * 1024 * 1024;

export default defineCommand({
  about:
    "Sets all variables of a .env file, or none. If a release is live, deploys a new release with the same code and waits for\nit. Variables that the file does not name stay, unless --prune unsets them; generated values are never pruned.",
  args: { file: requiredArgument("A .env file; - is stdin") },
  flags: {
    dryRun: toggleFlag("--dry-run", "Only list the names that would change"),
    prune: toggleFlag("--prune", "Unset variables that are not in the file; asks first"),
    stage: toggleFlag("--stage", "Keep it for the next deployment instead of deploying it now"),
    detach: toggleFlag("--detach", "Do not wait for the deployment"),
    create: createFlag,
  },
  examples: [
    ["fairlead env import .env.production --dry-run", "what would change; values are not shown"],
    ["fairlead env import .env.staging -e staging --prune -y", "set exactly this file, for scripts"],
  ],
  async run({ args, flags, world }) {
    const reading = readDotenv(await textOf(args.file, world.host));
    if (!reading.ok) {
      const diagnostics = reading.diagnostics.map((one) => ({ ...one, file: args.file }));
      throw new Fault("usage.invalid", `${args.file} cannot be read`, {
        diagnostics,
        hint: "Fix the lines listed above; nothing was set.",
      });
    }
    if (reading.values.size === 0 && !flags.prune) throw new Fault("usage.invalid", `${args.file} names no variable`);
    if (flags.prune && !flags.dryRun) {
      await world.confirm(`Unset the variables that are not in ${args.file}?`, world.key().environment);
    }
    const { dryRun, prune, stage } = flags;
    const request = { set: Object.fromEntries(reading.values), prune, stage, dryRun };
    await confirmNewEnvironment(world, world.api(), { ...world.key(), create: flags.create });
    return sendVariables(world, request, flags.detach);
  },
  view: variablesText,
  exit: variablesExit,
});

/** Faults: `usage.invalid` when it cannot be read, or is no text. */
async function textOf(file: string, host: { stdin: AsyncIterable<Buffer>; cwd: string }): Promise<string> {
  const text = decodeText(await bytesOf(file, host));
  if (text !== null) return text;
  throw new Fault("usage.invalid", `${file} holds a NUL character: it must be UTF-8, or UTF-16 with a byte-order mark`);
}

async function bytesOf(file: string, { stdin, cwd }: { stdin: AsyncIterable<Buffer>; cwd: string }): Promise<Buffer> {
  if (file !== "-") return readGivenFile(resolve(cwd, file), fileBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > fileBytes) throw new Fault("usage.invalid", `stdin has more than ${fileBytes / 1024} KB`);
  }
  return Buffer.concat(chunks);
}
