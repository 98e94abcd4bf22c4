import type { Readable } from "node:stream";
import { Fault } from "../../../base/faults.ts";
import { variableName } from "../../../base/variable-name.ts";
import { looksSecret } from "../../../check/subject.ts";
import { defineCommand, severalArguments } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { confirmNewEnvironment, createFlag } from "../../new-environment.ts";
import { sendVariables, valueFrom, variablesExit, variablesText } from "../../variables.ts";

export default defineCommand({
  about:
    "Sets variables of the environment; they override the manifest. If a release is live, deploys a new release with the same\ncode and waits for it. Pass secrets on stdin: arguments are visible to every process of the machine.",
  args: { variables: severalArguments("NAME=VALUE, or one NAME with --stdin") },
  flags: {
    stdin: toggleFlag("--stdin", "Read the value of the one NAME from stdin; one newline at the end is dropped"),
    stage: toggleFlag("--stage", "Keep it for the next deployment instead of deploying it now"),
    detach: toggleFlag("--detach", "Do not wait for the deployment"),
    create: createFlag,
  },
  examples: [
    ["fairlead env set LOG_LEVEL=DEBUG -e staging", "one variable"],
    ["fairlead env set API_KEY --stdin < ~/key.txt", "a secret, from outside the app"],
  ],
  async run({ args, flags, world }) {
    if (args.variables.length === 0) throw new Fault("usage.invalid", "which variable? Pass NAME=VALUE");
    const set = flags.stdin ? await fromStdin(args.variables, world.host.stdin) : pairs(args.variables);
    const plain = Object.keys(set).filter(looksSecret);
    if (!flags.stdin && plain.length > 0) {
      const better = `arguments are visible to every process; better: \`fairlead env set ${plain[0]} --stdin\``;
      world.say(`${world.paint.yellow("warning:")} ${plain.join(", ")} looks like a secret, and ${better}`);
    }
    await confirmNewEnvironment(world, world.api(), { ...world.key(), create: flags.create });
    return sendVariables(world, { set, ...(flags.stage && { stage: true }) }, flags.detach);
  },
  view: variablesText,
  exit: variablesExit,
});

function pairs(words: readonly string[]): Record<string, string> {
  const all = words.map(pair);
  const set = new Map(all);
  if (set.size < all.length) throw new Fault("usage.invalid", "a variable is given twice");
  return Object.fromEntries(set);
}

/** Splits `NAME=VALUE`; the value is never echoed. */
function pair(word: string): [string, string] {
  const at = word.indexOf("=");
  if (at < 1) throw new Fault("usage.invalid", "a variable must have the form NAME=VALUE, or NAME with --stdin");
  return [nameOf(word.slice(0, at)), word.slice(at + 1)];
}

/** A name as the contract wants it. What is none may be part of a value, so it is not echoed. */
function nameOf(word: string): string {
  if (variableName.test(word)) return word;
  throw new Fault(
    "usage.invalid",
    "a variable name may contain only letters, digits and _, and must not start with a digit",
  );
}

async function fromStdin(names: readonly string[], stdin: Readable): Promise<Record<string, string>> {
  const [name, ...more] = names;
  if (name === undefined || more.length > 0 || name.includes("=")) {
    throw new Fault("usage.invalid", "--stdin needs exactly one NAME");
  }
  return { [nameOf(name)]: await valueFrom(stdin, name) };
}
