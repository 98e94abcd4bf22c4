import { asFault, Fault } from "../base/faults.ts";
import type { ExecutionContext } from "./context.ts";
import { commandHelp, nounHelp, overviewHelp } from "./help.ts";
import { writeOutput } from "./output.ts";
import { paintFor } from "./paint.ts";
import { type Asked, readWords } from "./words.ts";
import type { Host } from "./world.ts";

/**
 * Runs one command line and returns its exit code (docs/cli.md): results go to stdout, everything else to stderr. Help
 * and version need neither the commands nor their libraries, so those are loaded only when a command runs.
 */
export async function runCli(argv: readonly string[], context: ExecutionContext, host: Host): Promise<number> {
  const paint = paintFor(context.colour.stdout);
  const put = (text: string) => writeOutput(host, "stdout", `${text}\n`);
  try {
    const asked = readWords(argv);
    if (asked.kind === "version") await put(host.version);
    else if (asked.kind === "overview") await put(overviewHelp(paint));
    else if (asked.kind === "noun") await put(nounHelp(asked.noun, paint));
    else if (asked.kind === "help") await put(commandHelp(asked.entry, (await asked.entry.load()).default, paint));
    else if (asked.kind === "unknown") throw await unknownCommand(asked);
    else return await (await import("./execute.ts")).runCommand(asked, context, host);
    return 0;
  } catch (error) {
    if (host.interrupted.aborted) return 130;
    const { exitCode, failureJson, failureText } = await import("./failure.ts");
    const fault = faultOf(error);
    if (context.json) await put(failureJson(fault));
    else await writeOutput(host, "stderr", `${failureText(fault, paintFor(context.colour.stderr), context.verbose)}\n`);
    return exitCode(fault.code);
  }
}

/** The error; for an unexpected one, where to find more. */
function faultOf(thrown: unknown): Fault {
  const fault = asFault(thrown);
  if (fault === thrown || fault.code !== "operation.failed") return fault;
  const hint = "This is an unexpected error; --verbose shows its cause.";
  return new Fault(fault.code, fault.detail, { cause: thrown, hint });
}

type Unknown = Extract<Asked, { kind: "unknown" }>;

async function unknownCommand({ words, typed, among }: Unknown): Promise<Fault> {
  const [{ nearest }, { fairleadForm, notOfferedWords }] = await Promise.all([
    import("../manifest/diagnostic.ts"),
    import("./foreign-words.ts"),
  ]);
  const form = fairleadForm(typed);
  const meant = form ?? nearest(words, among);
  const said = form === null ? `Did you mean \`fairlead ${meant}\`?` : `Fairlead's command is \`fairlead ${form}\`.`;
  const hint = notOfferedWords(typed) ?? (meant === null ? "`fairlead help` lists the commands." : said);
  return new Fault("usage.invalid", `there is no command ${JSON.stringify(words.slice(0, 60))}`, { hint });
}
