import type { Secret } from "../base/secret.ts";
import type { PlaceOf } from "../manifest/read.ts";
import type { AppSpec } from "../model/app.ts";

/** The value of a variable as one service gets it, or the build. */
export interface KnownValue {
  /** Null: the build. */
  readonly service: string | null;
  readonly name: string;
  readonly text: Secret;
  /** `manifest`: it is in the file, readable by everybody. `set`: it is from the vault. */
  readonly from: "manifest" | "set";
}

/** A text file of the source. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** Omitted where only the text is known. */
  readonly isExecutable?: boolean;
}

/** A path that is not part of the source although it is beside it. */
export interface LeftOutFile {
  /** A directory ends with `/`. */
  readonly path: string;
  /** "by .dockerignore" and the like. */
  readonly why: string;
  readonly isTracked: boolean;
  /** Null: no file of variables, or unreadable. */
  readonly text: string | null;
}

/** The input of the rules, for one environment. */
export interface Subject {
  readonly environment: string;
  readonly spec: AppSpec;
  /** The known values; offline only those of the manifest. */
  readonly values: readonly KnownValue[];
  /** The source's text files; empty if only the manifest is available. */
  readonly files: readonly SourceFile[];
  /** What lies beside the source and is not part of it; empty if only the release is available. */
  readonly leftOut: readonly LeftOutFile[];
  /** SQLite databases that are part of the source. */
  readonly databases: readonly string[];
  readonly placeOf: PlaceOf;
}

/** The finding of a rule. It contains no value. */
export interface RuleFinding {
  /** Path in the manifest like `services.web.run`, or a file of the source. */
  readonly at: { readonly path: string } | { readonly file: string; readonly line: number };
  /** What is wrong, as a sentence about the place. */
  readonly message: string;
  /** Where this finding is less certain than the others of its rule. */
  readonly severity?: Severity;
  /** Where the fix of this finding is not that of its rule. */
  readonly fix?: string;
}

/** `error` blocks a deployment, `warning` is shown by `check` and `plan`, `note` only by `check`. */
export type Severity = "error" | "warning" | "note";

/** One check before a deployment. Pure: the same subject has the same findings. */
export interface Rule {
  readonly id: string;
  /** What is true if it finds nothing. */
  readonly title: string;
  /** Why it matters, for the page of rules. */
  readonly why: string;
  /** How to fix a finding. */
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

/** Names of what is only about a secret: where it is, how long it is valid. */
const aboutSecret =
  /_(?:URL|URI|NAME|ISSUER|AUDIENCE|TYPE|TTL|EXPIR\w*|LIFETIME|AGE|ALGORITHM|ALG|HEADER|PATH|FILE|DIR|ID|PREFIX|LENGTH|HASHER|ENDPOINT|HOST|REGION|LIMIT|MINUTES|SECONDS|HOURS|DAYS|ENABLED)$/i;

/** Names of secret values in common frameworks. */
export function looksSecret(name: string): boolean {
  if (aboutSecret.test(name)) return false;
  return /(?:^|_)(?:SECRET|TOKEN|PASSWORD|PASSWD|PWD|CREDENTIALS?|APIKEY)(?:_|$)|(?:^|_)KEY$/.test(name.toUpperCase());
}

const testFile =
  /(?:^|\/)(?:tests?|t|unit|__tests__|spec)\/.*\.(?:[cm]?[jt]sx?|py|rb|php|go)$|[._](?:test|spec)\.[cm]?[jt]sx?$|(?:^|\/)test_[^/]+\.py$|_test\.(?:go|py)$|_spec\.rb$/;

/** Whether a file of the source is one of its tests, by the names that common test programs look for. */
export function isTestFile(path: string): boolean {
  return testFile.test(path);
}

const exampleFile =
  /(?:^|\/)(?:tests?|t|unit|__tests__|specs?|testing|testdata|test-data|__?fixtures?_?_?|__?mocks?_?_?|__snapshots__|e2e|cypress|docs?|documentation|examples?|samples?)\/|[._-](?:example|sample|template|dist|tpl)(?:\.\w+)?$|(?:^|\/)(?:example|sample|template)[._-][^/]*$|\.(?:md|mdx|rst|adoc|snap|txt)$|(?:^|\/)conftest\.py$/i;

/** Whether a file is a test, an example or documentation, whose values are made up by custom. */
export function isExampleFile(path: string): boolean {
  return isTestFile(path) || exampleFile.test(path);
}
