import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { dockerfilePath } from "../check/dockerfile.ts";
import { rules } from "../check/rules.ts";
import { check, diagnosticOf, type Finding } from "../check/run.ts";
import type { KnownValue, SourceFile } from "../check/subject.ts";
import { type Allowed, buildEnvOf, type Permit, type Release } from "../model/release.ts";
import { type Deps, invalid } from "./access.ts";
import { type LoadedManifest, manifestFile } from "./compose.ts";
import { type GivenValues, valueText } from "./values.ts";

/** The input: a composed release, with the values that it names. */
export interface JudgedRelease {
  readonly loaded: LoadedManifest;
  readonly release: Release;
  readonly given: GivenValues;
}

/**
 * What the rules find in a release before it is deployed: in its manifest, its values and its Dockerfile. The rest of
 * the source is checked where it is (`fairlead check`, and `fairlead deploy` before it uploads).
 */
export async function readinessOf(deps: Deps, { loaded, release, given }: JudgedRelease): Promise<readonly Finding[]> {
  const { spec, placeOf } = loaded;
  const files = await dockerfileOf(deps, loaded);
  const values = valuesOf(release, given);
  return check(
    { environment: spec.from ?? release.key.environment, spec, values, files, leftOut: [], databases: [], placeOf },
    manifestFile,
  );
}

/**
 * Refuses a release with errors (`check.failed`, all at once) except allowed ones; returns the allowances to record.
 * Faults: `request.invalid` for a rule that does not exist.
 */
export async function refuseUnready(
  deps: Deps,
  judged: JudgedRelease,
  permit: { readonly allow: Permit | null; readonly by: string },
): Promise<readonly Allowed[]> {
  const { allow, by } = permit;
  const unknown = allow?.rules.find((id) => !rules.some((rule) => rule.id === id));
  if (unknown !== undefined) throw invalid("allow", `there is no rule ${unknown}; docs/checks.md lists them`);
  const errors = (await readinessOf(deps, judged)).filter(({ severity }) => severity === "error");
  const refused = errors.filter(({ rule }) => !allow?.rules.includes(rule));
  const [first] = refused;
  if (first) {
    const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : "";
    const detail = `${first.path} ${first.message}${more}; nothing was changed`;
    throw new Fault("check.failed", detail, { diagnostics: refused.map(diagnosticOf) });
  }
  // All allowed rules, whether found here or, like findings in the source, before the upload.
  return [...new Set(allow?.rules)].sort().map((rule) => ({ rule, by, because: allow?.because ?? "" }));
}

/** Rules allowed for a release are allowed for its code again. */
export function permitOf({ allowed }: Release): Permit | null {
  const [first] = allowed;
  return first ? { rules: allowed.map(({ rule }) => rule), because: first.because } : null;
}

/** Values that are about to be set are not in the journal yet: they are used as given. */
function valuesOf(release: Release, given: GivenValues): readonly KnownValue[] {
  return [...release.services, { name: null, env: buildEnvOf(release) }].flatMap(({ name: service, env }) =>
    Object.entries(env).map(([name, value]): KnownValue => {
      const text = new Secret(valueText(value, given));
      return { service, name, text, from: typeof value === "string" ? "manifest" : "set" };
    }),
  );
}

async function dockerfileOf({ builder }: Deps, { spec, source }: LoadedManifest): Promise<readonly SourceFile[]> {
  if (builder.makes !== "images" || spec.build.image !== null) return [];
  const path = dockerfilePath(spec.build);
  const bytes = await builder.readSource(source, path);
  return bytes ? [{ path, text: new TextDecoder().decode(bytes) }] : [];
}
