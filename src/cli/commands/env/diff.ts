import { defineCommand, requiredArgument } from "../../command.ts";
import { table } from "../../paint.ts";

export default defineCommand({
  about:
    "Compares the variables of two environments: which are the same, differ, or are only in one. Values are never shown. Only\nthose who may read both environments can use it.",
  args: { here: requiredArgument("Environment like staging"), there: requiredArgument("Environment like production") },
  examples: [
    ["fairlead env diff staging production", "what differs between them"],
    ["fairlead env diff staging production --json", "for scripts"],
  ],
  async run({ args: { here, there }, world }) {
    const { app } = world.key();
    const { variables } = await world
      .api()
      .call("variableDiff", { params: { ...{ app, environment: here }, other: there } });
    return { here, there, variables };
  },
  view({ here, there, variables }, paint) {
    if (variables.length === 0) return "No variables in either environment.";
    const colour = { same: paint.dim, different: paint.yellow, "only-here": paint.green, "only-there": paint.red };
    const words = { same: "same", different: "different", "only-here": `only ${here}`, "only-there": `only ${there}` };
    const rows = variables.map(({ name, service, state }) => [name, service ?? "all", colour[state](words[state])]);
    return table(["NAME", "SERVICE", "STATE"], rows, paint);
  },
});
