import { Fault } from "../../../base/faults.ts";
import { defineCommand, requiredArgument } from "../../command.ts";

export default defineCommand({
  about:
    "Revokes a token: requests with it are refused from now on. The audit keeps what it was used for under its name. Works\nonly on the controller's machine, over its own socket.",
  args: { name: requiredArgument("Name as listed by `fairlead tokens list`") },
  examples: [
    ["fairlead tokens revoke ci", "asks first"],
    ["fairlead tokens revoke ci -y", "for scripts"],
  ],
  async run({ args, world }) {
    const api = world.api();
    const { items } = await api.call("tokens");
    if (!items.some(({ name }) => name === args.name))
      throw new Fault("token.unknown", `there is no token ${args.name}`);
    await world.confirm(`Revoke the token ${args.name}?`);
    await api.call("revokeToken", { params: { token: args.name } });
    return { name: args.name, revoked: true };
  },
  view: ({ name }) => `Revoked the token ${name}.`,
});
