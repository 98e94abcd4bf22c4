import { Fault } from "../../../base/faults.ts";
import type { VariablesView } from "../../../contract/variables.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { sendVariables, type VariablesResult, valueFrom, variablesExit, variablesText } from "../../variables.ts";
import type { World } from "../../world.ts";

interface Rotation extends VariablesResult {
  readonly name: string;
  /** The version that is set now, as NAME@3. */
  readonly set: string;
  /** The versions that instances have now; none where nothing serves. Left out while a deployment continues. */
  readonly serving?: readonly string[];
}

export default defineCommand({
  about:
    "Replaces a set value and deploys everything that uses it in one release of the same code. A variable with `generate`\ngets a generated value; for others the value is read from stdin or a prompt. If the deployment fails, the old version\nstays in use. Releases that can be rolled back to keep their versions.",
  args: { name: requiredArgument("Name of a set variable") },
  flags: {
    stdin: toggleFlag("--stdin", "Read the new value from stdin; one newline at the end is dropped"),
    detach: toggleFlag("--detach", "Do not wait for the deployment"),
  },
  examples: [
    ["fairlead env rotate SESSION_KEY", "a generated value"],
    ["fairlead env rotate API_KEY --stdin -e staging < new-key.txt", "a value from its provider"],
  ],
  async run({ args: { name }, flags, world }): Promise<Rotation> {
    const value = flags.stdin ? await valueFrom(world.host.stdin, name) : null;
    const rotate = (text: string | null) => sendVariables(world, { set: {}, rotate: { [name]: text } }, flags.detach);
    const result = await rotate(value).catch(async (thrown: unknown) => {
      const isWanted = thrown instanceof Fault && thrown.code === "value.not-generated" && world.context.interactive;
      if (!isWanted) throw thrown;
      return rotate(await world.askSecret(`New value of ${name}?`));
    });
    return { ...result, name, ...(await outcome(world, name, result)) };
  },
  view(result: Rotation, paint) {
    const { set, serving = [] } = result;
    if (serving.length > 0 && !serving.includes(set)) {
      const next = `${set} waits for the next deployment; \`fairlead env rotate ${result.name}\` replaces it.`;
      return `${serving.join(", ")} stays in use. ${next}`;
    }
    return [variablesText(result, paint), ...(serving.length > 0 ? [`${set} serves.`] : [])].join("\n");
  },
  exit: (result: Rotation) => variablesExit(result),
});

async function outcome(
  world: World,
  name: string,
  { deployment }: VariablesResult,
): Promise<Pick<Rotation, "set" | "serving">> {
  const { variables, effective } = await world.api().call("variables", { params: world.key() });
  const set = `${name}@${variables[name]?.version}`;
  const goesOn = deployment?.endedAt === null;
  return goesOn ? { set } : { set, serving: versionsOf(name, effective) };
}

function versionsOf(name: string, effective: VariablesView["effective"]): readonly string[] {
  const sets = Object.values(effective).flatMap((values) => Object.values(values).flatMap(({ set }) => set));
  return [...new Set(sets.filter((version) => version.startsWith(`${name}@`)))].sort();
}
