import type { Secret } from "../base/secret.ts";
import type { PlaceOf } from "../manifest/read.ts";
import type { AppSpec } from "../model/app.ts";

/** The value of a variable as one service gets it, or the build. */
export interface KnownValue {
  /** Null: the build. */
  readonly service: string | null;
  readonly name: string;
  readonly text: Secret;
  /** `manifest`: it stands in the file, for everybody to read. `set`: it came from the vault. */
  readonly from: "manifest" | "set";
}

/** A text file of the source. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** All that the rules look at, for one environment. */
export interface Subject {
  readonly environment: string;
  readonly spec: AppSpec;
  /** The values that are known here: offline those of the manifest alone. */
  readonly values: readonly KnownValue[];
  /** The source's text files; empty where only the manifest is at hand. */
  readonly files: readonly SourceFile[];
  readonly placeOf: PlaceOf;
}

/** What a rule found. It names no value. */
export interface RuleFinding {
  /** Path in the manifest like `services.web.run`, or a file of the source. */
  readonly at: { readonly path: string } | { readonly file: string; readonly line: number };
  /** What is wrong, as a sentence about the place. */
  readonly message: string;
}

/** `error` blocks a deployment, `warning` is shown by `check` and `plan`, `note` by `check` alone. */
export type Severity = "error" | "warning" | "note";

/** One thing to look for before a deployment. Pure: the same subject has the same findings. */
export interface Rule {
  readonly id: string;
  /** What holds when it finds nothing. */
  readonly title: string;
  /** Why it matters, for the page of rules. */
  readonly why: string;
  /** What to do about a finding. */
  readonly fix: string;
  severity(environment: string): Severity;
  look(subject: Subject): readonly RuleFinding[];
}

/** An error in production, where it hurts users; elsewhere a warning. */
export function inProduction(environment: string): Severity {
  return environment === "production" ? "error" : "warning";
}

/** Where a variable of a service is written. */
export function variableAt({ service, name }: Pick<KnownValue, "service" | "name">): RuleFinding["at"] {
  return { path: service === null ? `env.${name}` : `services.${service}.env.${name}` };
}

/** Names that say that their value is a secret, in the words of the usual frameworks. */
export function looksSecret(name: string): boolean {
  return /(?:^|_)(?:SECRET|TOKEN|PASSWORD|PASSWD|PWD|CREDENTIALS?|APIKEY)(?:_|$)|(?:^|_)KEY$/.test(name.toUpperCase());
}

const testFile =
  /(?:^|\/)(?:tests?|__tests__|spec)\/.*\.(?:[cm]?[jt]sx?|py|rb|php|go)$|[._](?:test|spec)\.[cm]?[jt]sx?$|(?:^|\/)test_[^/]+\.py$|_test\.(?:go|py)$|_spec\.rb$/;

/** Whether a file of the source is one of its tests, by the names that the usual test programs look for. */
export function isTestFile(path: string): boolean {
  return testFile.test(path);
}
