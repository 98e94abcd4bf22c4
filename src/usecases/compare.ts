import { fillEnv } from "../engine/values.ts";
import type { EnvKey } from "../model/environment.ts";
import { buildEnvOf, isOwnVariable } from "../model/release.ts";
import { type Call, environmentOf, newestRelease } from "./access.ts";
import { refuseOthers } from "./guard.ts";
import { givenValues } from "./values.ts";

/** Comparison of a variable in two environments. */
export interface Comparison {
  readonly name: string;
  /** Named where services have different values of it; null: all have the same. */
  readonly service: string | null;
  /** `same` values in both may be meant, or one secret that leaks from one environment into the other. */
  readonly state: "same" | "different" | "only-here" | "only-there";
}

/**
 * Compares the variables of two environments of an app. Somebody who may read only one could guess values of the other
 * with it, so it requires access to both. Faults: `app.unknown`, `protected.not-allowed`, `vault.damaged`.
 */
export async function diffVariables(call: Call, key: EnvKey, other: string): Promise<readonly Comparison[]> {
  const there = { app: key.app, environment: other };
  for (const one of [key, there]) await refuseOthers(call, one);
  const [one, two] = [await textsOf(call, key), await textsOf(call, there)];
  const names = [...new Set([...one.keys(), ...two.keys()])].sort();
  return names.flatMap((name) => comparisons(name, one.get(name) ?? new Map(), two.get(name) ?? new Map()));
}

/** The texts of a variable by service; the one of null is for every other service. */
type Texts = ReadonlyMap<string | null, string>;

function comparisons(name: string, here: Texts, there: Texts): readonly Comparison[] {
  const isOne = (texts: Texts) => new Set(texts.values()).size <= 1;
  if (isOne(here) && isOne(there)) {
    const [one, other] = [here, there].map((texts) => [...texts.values()][0]);
    return [{ name, service: null, state: stateOf(one, other) }];
  }
  const services = [...new Set([...here.keys(), ...there.keys()])].filter((service) => service !== null).sort();
  return services.map((service) => {
    const [one, other] = [here, there].map((texts) => texts.get(service) ?? texts.get(null));
    return { name, service, state: stateOf(one, other) };
  });
}

function stateOf(here: string | undefined, there: string | undefined): Comparison["state"] {
  if (here === there) return "same";
  if (here === undefined) return "only-there";
  return there === undefined ? "only-here" : "different";
}

/** The variables of every service of the newest release and its build, and set values that none of them has. */
async function textsOf(call: Call, key: EnvKey): Promise<ReadonlyMap<string, Texts>> {
  const environment = await environmentOf(call, key);
  const release = await newestRelease(call, environment);
  const found = new Map<string, Map<string | null, string>>();
  const add = (name: string, service: string | null, text: string) =>
    found.set(name, (found.get(name) ?? new Map<string | null, string>()).set(service, text));
  const owners = release ? [...release.services, { name: "(the build)", env: buildEnvOf(release) }] : [];
  for (const { name: service, env } of owners) {
    for (const [name, text] of Object.entries(await fillEnv(call.deps, key, env))) {
      if (!isOwnVariable(name)) add(name, service, text);
    }
  }
  for (const [name, { text }] of Object.entries(await givenValues(call.deps, environment))) {
    if (!found.has(name)) add(name, null, text);
  }
  return found;
}
