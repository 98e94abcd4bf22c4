import { randomBytes, randomInt, randomUUID } from "node:crypto";
import type { AppSpec, VariableSpec } from "../model/app.ts";
import type { Environment } from "../model/environment.ts";
import type { Deps } from "./access.ts";
import { setValues, type ValuesSet } from "./values.ts";

/** The actor that sets generated values. */
export const maker = "Fairlead";

type Generator = NonNullable<VariableSpec["generate"]>;

/** Length and characters of Django's `get_random_secret_key` (django.core.management.utils). */
const django = { length: 50, characters: "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)" } as const;

/** The numbers are bytes of randomness, as in Python's `secrets.token_hex(32)`: 64 hexadecimal digits. */
const makers: Record<Generator, () => string> = {
  hex32: () => randomBytes(32).toString("hex"),
  hex64: () => randomBytes(64).toString("hex"),
  base64: () => randomBytes(32).toString("base64"),
  uuid: () => randomUUID(),
  django: () =>
    Array.from({ length: django.length }, () => django.characters.charAt(randomInt(django.characters.length))).join(""),
};

/** A new value of a generated variable; null if it is not generated. */
export function newValue(spec: AppSpec, name: string): string | null {
  const variables = spec.services.map((service) => service.variables[name]);
  const generate = variables.find((one) => one?.value === null)?.generate ?? null;
  return generate && makers[generate]();
}

/** Whether Fairlead generates the value of a name if it is not set. */
export function isGenerated({ services, buildVariables }: AppSpec, name: string): boolean {
  const all = [...services.map(({ variables }) => variables), buildVariables];
  return all.some((variables) => Object.hasOwn(variables, name) && variables[name]?.generate);
}

/**
 * Values for the variables with `generate` that neither the manifest nor `given` (what is set for the environment)
 * sets. One value per name, for all services. The caller stores them, so that they are generated only once.
 */
export function generatedValues(spec: AppSpec, given: Readonly<Record<string, unknown>>): Record<string, string> {
  const made = new Map<string, string>();
  for (const variables of [...spec.services.map((service) => service.variables), spec.buildVariables]) {
    for (const [name, { generate, value }] of Object.entries(variables)) {
      if (generate === null || value !== null || Object.hasOwn(given, name) || made.has(name)) continue;
      made.set(name, makers[generate]());
    }
  }
  return Object.fromEntries(made);
}

/** The set values including those that Fairlead must generate. Records nothing, as `setValues`. */
export async function withGenerated(
  deps: Deps,
  { environment, spec }: { environment: Environment; spec: AppSpec },
  set: ValuesSet,
): Promise<ValuesSet> {
  const values = generatedValues(spec, set.given);
  const made = await setValues(deps, { environment, given: set.given, by: maker }, values);
  const both = { ...set.change?.set, ...made.change?.set };
  const change = { kind: "variables", key: environment.key, set: both } as const;
  return { given: made.given, change: Object.keys(both).length > 0 ? change : null };
}
