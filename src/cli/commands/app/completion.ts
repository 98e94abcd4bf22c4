import { Fault } from "../../../base/faults.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { completionScript, shells } from "../../completion.ts";

export default defineCommand({
  about: "Prints a script that completes commands and flags. It contacts no controller, so it is instant.",
  args: { shell: requiredArgument(shells.join(", ")) },
  examples: [
    ["source <(fairlead completion bash)", "for this shell; in ~/.bashrc for all shells"],
    ["fairlead completion fish > ~/.config/fish/completions/fairlead.fish", "for fish"],
  ],
  async run({ args, world }) {
    const shell = shells.find((one) => one === args.shell);
    if (!shell) throw new Fault("usage.invalid", `SHELL must be one of ${shells.join(", ")}`);
    await world.print((await completionScript(shell)).trimEnd());
  },
});
