import { command } from "../../command.ts";

export default command({
  about:
    "Exchanges the keys of the controller's vault and seals every value anew. Deployments go on meanwhile, and a controller\nthat dies in the middle goes on where it was. A master key from FAIRLEAD_VAULT_KEY stays as it is: restart the\ncontroller with a new one there and the one before in FAIRLEAD_VAULT_KEY_OLD.",
  examples: [
    ["fairlead vault rotate", "after somebody left who could read the state directory"],
    ["fairlead vault rotate --json", "for scripts"],
  ],
  async run({ world }) {
    return world.api().rotateVault();
  },
  view: ({ values }) => `The vault has new keys; ${values} value${values === 1 ? " is" : "s are"} sealed with them.`,
});
