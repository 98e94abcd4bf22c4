import { asFault, type Fault, faults } from "../base/faults.ts";
import { plainJson } from "../base/printable.ts";
import { formatDiagnostic } from "../manifest/diagnostic.ts";
import { harmless, type Paint } from "./paint.ts";

/** A Fault for scripts: the `error` object of `--json`. */
export function failureJson(thrown: unknown): string {
  const { code, detail, hint, diagnostics } = asFault(thrown);
  return plainJson({ error: { code, detail, hint, exit: exitCode(code), errors: diagnostics } });
}

/** A Fault for people: what happened, every invalid place, the fix. */
export function failureText(thrown: unknown, paint: Paint, verbose: boolean): string {
  const fault = asFault(thrown);
  const diagnostics = fault.diagnostics.map(formatDiagnostic).filter((diagnostic) => diagnostic !== fault.detail);
  // A single diagnostic is shown with its place instead of the detail.
  const only = diagnostics.length === 1 && diagnostics[0]?.endsWith(` ${fault.detail}`) ? diagnostics.pop() : undefined;
  const lines = [`${paint.red("error:")} ${indented(only ?? fault.detail, paint)}`];
  for (const diagnostic of diagnostics) lines.push(`  ${indented(diagnostic, paint)}`);
  if (fault.hint !== "") lines.push(`${paint.yellow("hint:")} ${indented(fault.hint, paint)}`);
  if (verbose) for (const cause of causesOf(fault)) lines.push(paint.dim(`cause: ${harmless(cause, paint)}`));
  return lines.join("\n");
}

/** No line of it can look like a line of Fairlead. */
function indented(text: string, paint: Paint): string {
  return harmless(text, paint).replaceAll("\n", "\n  ");
}

function causesOf(fault: Fault): string[] {
  const causes: string[] = [];
  for (let cause = fault.cause; cause instanceof Error && causes.length < 5; cause = cause.cause) {
    causes.push(cause.stack ?? cause.message);
  }
  return causes;
}

/** The exit code of a fault code; 1 for a code that only a newer controller knows. */
export function exitCode(code: string): number {
  return Object.hasOwn(faults, code) ? faults[code as keyof typeof faults].exit : 1;
}
