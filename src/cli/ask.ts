import { Fault } from "../base/faults.ts";
import type { ExecutionContext } from "./context.ts";
import type { Host } from "./world.ts";

interface Asker {
  readonly context: ExecutionContext;
  readonly host: Host;
}

/**
 * Asks y/N on stderr; --yes answers, and so does `given`, the value of --confirm, if it names the `environment` of the
 * question. Faults: `confirm.needed` without a terminal or if the answer is no.
 */
export async function confirm(
  { context, host, question }: Asker & { readonly question: string },
  environment?: string,
  given?: string,
): Promise<void> {
  if (context.yes || (given !== undefined && given === environment)) return;
  if (!context.interactive) {
    // --yes does not answer for the name of a protected environment, which is asked for next.
    const name = environment === undefined ? "" : ` (a protected environment: --confirm ${environment})`;
    throw new Fault("confirm.needed", `${question} This needs a terminal: pass --yes${name}.`);
  }
  const prompts = await import("@clack/prompts");
  const answer = await prompts.confirm({
    message: question,
    initialValue: false,
    input: host.stdin,
    output: host.stderr,
    signal: host.interrupted,
  });
  if (answer !== true) throw new Fault("confirm.needed", "not confirmed; nothing was changed", { hint: "" });
}

/** Asks for a text that is not shown while typed. Faults: `confirm.needed` without a terminal or a text. */
export async function askSecret({ context, host }: Asker, question: string): Promise<string> {
  if (!context.interactive) throw new Fault("confirm.needed", `${question} This needs a terminal: pass --stdin.`);
  const prompts = await import("@clack/prompts");
  const answer = await prompts.password({
    message: question,
    input: host.stdin,
    output: host.stderr,
    signal: host.interrupted,
  });
  if (typeof answer === "string" && answer !== "") return answer;
  throw new Fault("confirm.needed", "no value was typed; nothing was changed", { hint: "" });
}

/**
 * Asks to type a name, before what cannot be undone. `given`: --confirm; --yes is not enough. Faults: `confirm.needed`.
 */
export async function confirmName(
  { context, host, question }: Asker & { readonly question: string },
  name: string,
  given: string | undefined,
): Promise<void> {
  if (given === name) return;
  const flag = `--confirm ${name}`;
  if (given !== undefined) throw new Fault("confirm.needed", `${question} The name does not match: pass ${flag}.`);
  if (!context.interactive) throw new Fault("confirm.needed", `${question} This needs a terminal: pass ${flag}.`);
  const prompts = await import("@clack/prompts");
  const answer = await prompts.text({
    message: `${question} Type ${name} to continue.`,
    input: host.stdin,
    output: host.stderr,
    signal: host.interrupted,
  });
  if (answer !== name) throw new Fault("confirm.needed", "not confirmed; nothing was changed", { hint: "" });
}
