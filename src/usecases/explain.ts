import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { fillEnv } from "../engine/values.ts";
import type { VariableSpec } from "../model/app.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import { isOwnVariable, type Release, refText, secretsOf } from "../model/release.ts";
import { readDraft } from "./compose.ts";
import { newestRelease } from "./documents.ts";
import { authorise, type Call, environmentOf } from "./ground.ts";

/** Where a service has the value of a variable from. */
export interface Origin {
  readonly service: string;
  /**
   * `set`: on the controller. `manifest`: all of it is written there. `composed`: the manifest writes what set values are
   * put into. `fairlead`: Fairlead tells it to every service. `absent`: nothing gives one.
   */
  readonly from: "set" | "manifest" | "composed" | "fairlead" | "absent";
  readonly digest: string | null;
  /** The versions in it, as `NAME@3`. */
  readonly set: readonly string[];
  /** Where the manifest says something about it. */
  readonly place: { readonly line: number; readonly column: number } | null;
  /** The manifest's own rules for it, in words; no value is in them. */
  readonly rules: readonly string[];
}

/**
 * Where every service of the newest release has a variable from. Faults: `app.unknown`, `release.none-before` when there is
 * no release yet, `value.unknown` when nothing knows the name.
 */
export async function explainVariable(call: Call, key: EnvKey, name: string): Promise<readonly Origin[]> {
  authorise(call, "read");
  const environment = await environmentOf(call, key);
  const release = await newestRelease(call, environment);
  const hint = "`fairlead env list` shows what is set for the first deployment.";
  if (!release) throw new Fault("release.none-before", `${keyText(key)} has no release yet`, { hint });
  const { spec, placeOf } = readDraft(environment, release.source, release.manifest);
  const origins = await Promise.all(
    release.services.map(async ({ name: service, env }): Promise<Origin> => {
      const declared = spec.services.find((one) => one.name === service)?.variables[name];
      const place = declared ? placeOf("services", service, "env", name) : null;
      const rules = declared ? rulesOf(declared) : [];
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (value === undefined) return { service, from: "absent", digest: null, set: [], place, rules };
      const filled = await fillEnv(call.deps, key, { [name]: value });
      const digest = call.deps.vault.digest(new Secret(filled[name] ?? ""));
      const set = secretsOf({ [name]: value }).map(refText);
      return { service, from: originOf({ name, env, set }), digest, set, place, rules };
    }),
  );
  if (origins.some(({ from, place }) => from !== "absent" || place !== null)) return origins;
  throw new Fault("value.unknown", `${keyText(key)} knows no variable ${name}`);
}

function originOf(about: {
  name: string;
  env: Release["services"][number]["env"];
  set: readonly string[];
}): Origin["from"] {
  const { name, env, set } = about;
  if (isOwnVariable(name)) return "fairlead";
  if (set.length === 0) return "manifest";
  return set.length === 1 && set[0]?.startsWith(`${name}@`) && env[name]?.length === 1 ? "set" : "composed";
}

function rulesOf(spec: VariableSpec): readonly string[] {
  const rules: string[] = [];
  if (spec.secret) rules.push("secret");
  if (spec.required) rules.push("required");
  if (spec.generate) rules.push(`made by Fairlead (${spec.generate}) when nothing gives one`);
  if (spec.pattern !== null) rules.push("has a pattern");
  if (spec.oneOf) rules.push(`one of ${spec.oneOf.length}`);
  if (spec.minLength !== null) rules.push(`at least ${spec.minLength} characters`);
  if (spec.maxLength !== null) rules.push(`at most ${spec.maxLength} characters`);
  if (spec.forbid.length > 0) rules.push("has values that are forbidden here");
  if (spec.development !== null) rules.push("must not be the value for development");
  return rules;
}
