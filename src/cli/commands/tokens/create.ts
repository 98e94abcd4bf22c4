import { command, required } from "../../command.ts";
import { duration } from "../../flags.ts";

export default command({
  about:
    "Makes a token for access over the network (`controller --listen`) and prints it, this once: the controller keeps only its\ndigest. Whoever has it acts under its name, in the audit and where `protected.who` says who may change an environment.\nGive it in FAIRLEAD_TOKEN. Only on the controller's machine, over its own socket.",
  args: { name: required("Who it is for, like ci or alice") },
  flags: { expires: duration("--expires <duration>", "How long it is good, like 90d (default: until it is revoked)") },
  examples: [
    ["fairlead tokens create ci --expires 90d", "for a build service"],
    ["umask 077; fairlead tokens create alice > alice.token", "into a file that only you can read"],
  ],
  async run({ args, flags, world }) {
    const request = flags.expires === undefined ? {} : { expiresInMs: flags.expires };
    const { token, text } = await world.api().createToken(args.name, request);
    world.say(`The token ${token.name}${expiry(token.expiresAt)}. It is shown only now.`);
    return { ...token, token: text };
  },
  view: ({ token }) => token,
});

function expiry(expiresAt: string | null): string {
  return expiresAt === null ? " is good until it is revoked" : ` is good until ${expiresAt.slice(0, 10)}`;
}
