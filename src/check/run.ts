import type { Diagnostic } from "../base/faults.ts";
import { rules } from "./rules.ts";
import type { RuleFinding, Severity, Subject } from "./subject.ts";

/** A finding with its texts. */
export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly path: string;
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
  readonly fix: string;
}

const order: readonly Severity[] = ["error", "warning", "note"];

/** All findings, worst first; `manifest` is the name of the manifest's file. */
export function check(subject: Subject, manifest: string): readonly Finding[] {
  const findings = rules.flatMap((rule) =>
    rule.look(subject).map((found): Finding => {
      const severity = found.severity ?? rule.severity(subject.environment);
      return {
        rule: rule.id,
        severity,
        ...placed(subject, found, manifest),
        message: found.message,
        fix: found.fix ?? rule.fix,
      };
    }),
  );
  // A variable of the whole app is one line for several services: reported once.
  const once = new Map(
    findings.map((one) => [[one.rule, one.file, one.line, one.column, one.message].join("\n"), one]),
  );
  return [...once.values()].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

function placed({ placeOf }: Subject, { at }: RuleFinding, manifest: string) {
  if ("file" in at) return { path: at.file, file: at.file, line: at.line, column: null };
  return { file: manifest, ...placeOf(...at.path.split(".")) };
}

/** A finding as a diagnostic, for faults and for the command line. */
export function diagnosticOf({ rule, path, file, line, column, message, fix }: Finding): Diagnostic {
  return {
    path: path === file ? "" : path,
    message: `${message} – ${fix} [${rule}]`,
    file,
    ...(line === null ? {} : { line }),
    ...(column === null ? {} : { column }),
  };
}
