import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { openValues } from "../engine/values.ts";
import type { Given } from "../manifest/resolve.ts";
import type { Environment, SealedValue } from "../model/environment.ts";
import { type EnvValue, refText } from "../model/release.ts";
import type { Change } from "../ports/journal.ts";
import type { Deps } from "./access.ts";

/** Values of an environment in the clear, by name, with their versions. Only for use inside the process. */
export type GivenValues = Readonly<Record<string, Given>>;

/**
 * The set values of an environment. A value in `replaced` that no key of the vault opens is omitted: it is being set
 * again. Faults: `vault.damaged`.
 */
export async function givenValues(
  deps: Deps,
  { key, variables }: Environment,
  replaced: readonly string[] = [],
): Promise<GivenValues> {
  const given: Record<string, Given> = {};
  for (const [secret, { version }] of Object.entries(variables)) {
    const ref = { secret, version };
    try {
      const opened = await openValues(deps, key, [ref]);
      given[secret] = { version, text: opened.get(refText(ref))?.reveal() ?? "" };
    } catch (thrown) {
      const isLost = thrown instanceof Fault && thrown.code === "vault.damaged";
      if (!isLost || !replaced.includes(secret)) throw thrown;
    }
  }
  return given;
}

/** The text of a variable with its values filled in. */
export function valueText(value: EnvValue, given: GivenValues): string {
  if (typeof value === "string") return value;
  return value.map((piece) => (typeof piece === "string" ? piece : (given[piece.secret]?.text ?? ""))).join("");
}

export interface ValuesSet {
  /** The set values afterwards. */
  readonly given: GivenValues;
  /** The change to record; null if there is none. */
  readonly change: Extract<Change, { kind: "variables" }> | null;
}

/** Name to text; null unsets the name. */
export type ValuesToSet = Readonly<Record<string, string | null>>;

/**
 * Seals values as the next versions of their names. An unchanged value keeps its version. Records nothing. Call it
 * inside `engine.alone`: two callers would create the same version.
 */
export async function setValues(
  deps: Deps,
  { environment, given, by }: { environment: Environment; given: GivenValues; by: string },
  set: ValuesToSet,
): Promise<ValuesSet> {
  const after = new Map(Object.entries(given));
  const sealed: Record<string, SealedValue | null> = {};
  for (const [name, text] of Object.entries(set)) {
    if (text === null) {
      if (after.delete(name)) sealed[name] = null;
    } else if (given[name]?.text !== text) {
      const value = await seal(deps, { environment, by }, { name, text });
      sealed[name] = value;
      after.set(name, { text, version: value.version });
    }
  }
  const isDifferent = Object.keys(sealed).length > 0;
  const change = { kind: "variables", key: environment.key, set: sealed } as const;
  return { given: Object.fromEntries(after), change: isDifferent ? change : null };
}

async function seal(
  { journal, vault, clock }: Deps,
  { environment: { key }, by }: { environment: Environment; by: string },
  { name, text }: { name: string; text: string },
): Promise<SealedValue> {
  const [newest] = await journal.values.versions(key, name);
  const version = (newest?.version ?? 0) + 1;
  const sealed = vault.seal(new Secret(text), { key, secret: name, version });
  return { version, at: clock.now(), by, sealed };
}
