import { defineCommand, requiredArgument } from "../../command.ts";
import { durationFlag } from "../../flags.ts";

export default defineCommand({
  about:
    "Creates a token for access over the network (`controller --listen`) and prints it once: the controller stores only its\ndigest. Its name appears in the audit and is what `protected.who` refers to. Set it as FAIRLEAD_TOKEN. Works only on the\ncontroller's machine, over its own socket.",
  args: { name: requiredArgument("Name of its user, like ci or alice") },
  flags: { expires: durationFlag("--expires <duration>", "Lifetime, like 90d (default: until it is revoked)") },
  examples: [
    ["fairlead tokens create ci --expires 90d", "for a build service"],
    ["umask 077; fairlead tokens create alice > alice.token", "into a file that only you can read"],
  ],
  async run({ args, flags, world }) {
    const request = flags.expires === undefined ? {} : { expiresInMs: flags.expires };
    const { token, text } = await world.api().call("createToken", { params: { token: args.name }, body: request });
    world.say(`The token ${token.name}${expiry(token.expiresAt)}. It is shown only now.`);
    return { ...token, token: text };
  },
  view: ({ token }) => token,
});

function expiry(expiresAt: string | null): string {
  return expiresAt === null ? " is valid until it is revoked" : ` is valid until ${expiresAt.slice(0, 10)}`;
}
