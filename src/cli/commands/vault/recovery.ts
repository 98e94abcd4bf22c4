import { resolve } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { textFlag, toggleFlag } from "../../flags.ts";
import { writePrivate } from "../../private-file.ts";

export default defineCommand({
  about:
    "Writes the master key of the controller's vault to a file encrypted with age (age-encryption.org), for a recipient or\nwith a passphrase from stdin. Store it away from this machine: with it and a backup of the state directory everything\ncan be restored. To use it: umask 077; age -d -i KEY-FILE bundle.age > STATE/vault.key",
  args: { file: requiredArgument("File to write, like recovery.age") },
  flags: {
    recipient: textFlag("--recipient <key>", "age public key, age1…, whose owner can open it"),
    passphraseStdin: toggleFlag("--passphrase-stdin", "Read a passphrase from stdin instead"),
    force: toggleFlag("--force", "Overwrite an existing file"),
  },
  examples: [
    ["fairlead vault recovery recovery.age --recipient age1…", "for a key made with age-keygen"],
    ["fairlead vault recovery recovery.age --passphrase-stdin < phrase.txt", "with a passphrase"],
  ],
  async run({ args, flags, world }) {
    if ((flags.recipient === undefined) === !flags.passphraseStdin) {
      throw new Fault("usage.invalid", "use one of --recipient and --passphrase-stdin");
    }
    const { armor, Encrypter } = await import("age-encryption");
    const encrypter = new Encrypter();
    if (flags.recipient === undefined) encrypter.setPassphrase(await passphrase(world.host.stdin));
    else addRecipient(encrypter, flags.recipient);
    const { masterKey } = await world.api().call("recoverVault");
    const bundle = armor.encode(await encrypter.encrypt(`${masterKey}\n`));
    await writePrivate(resolve(world.host.cwd, args.file), { content: `${bundle}\n`, force: flags.force });
    return { file: args.file };
  },
  view: ({ file }) => `Wrote ${file}. Store it elsewhere; after \`fairlead vault rotate\` create another one.`,
});

function addRecipient(encrypter: { addRecipient(recipient: string): void }, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (thrown) {
    throw new Fault("usage.invalid", "--recipient must be an age public key, like age1…", { cause: thrown });
  }
}

/** Shorter ones can be guessed. */
const shortest = 12;

async function passphrase(stdin: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  const phrase = Buffer.concat(chunks).toString().trim();
  if (phrase.length >= shortest) return phrase;
  throw new Fault("usage.invalid", `the passphrase on stdin must have ${shortest} characters or more`);
}
