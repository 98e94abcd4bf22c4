import { defineCommand } from "../../command.ts";

export default defineCommand({
  about:
    "Replaces the keys of the controller's vault and seals every value again. Deployments continue meanwhile, and after a\ncrash the controller continues where it stopped. A master key from FAIRLEAD_VAULT_KEY does not change: to replace it,\nrestart the controller with a new one there and the previous one in FAIRLEAD_VAULT_KEY_OLD.",
  examples: [
    ["fairlead vault rotate", "after somebody who could read the state directory has left"],
    ["fairlead vault rotate --json", "for scripts"],
  ],
  async run({ world }) {
    return world.api().call("rotateVault");
  },
  view: ({ values }) => `The vault has new keys; ${values} value${values === 1 ? " is" : "s are"} sealed with them.`,
});
