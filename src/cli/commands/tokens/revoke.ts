import { command, required } from "../../command.ts";

export default command({
  about:
    "Takes a token back: from now on no request gets in with it. What it was used for stays in the audit under its name.\nOnly on the controller's machine, over its own socket.",
  args: { name: required("As `fairlead tokens list` names it") },
  examples: [
    ["fairlead tokens revoke ci", "asks first"],
    ["fairlead tokens revoke ci -y", "for scripts"],
  ],
  async run({ args, world }) {
    await world.confirm(`Revoke the token ${args.name}?`);
    await world.api().revokeToken(args.name);
    return { name: args.name, revoked: true };
  },
  view: ({ name }) => `The token ${name} is revoked.`,
});
