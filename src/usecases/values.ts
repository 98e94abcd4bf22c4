import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { openValues } from "../engine/values.ts";
import type { Given } from "../manifest/resolve.ts";
import type { Change } from "../model/change.ts";
import type { Environment, SealedValue } from "../model/environment.ts";
import { type EnvValue, refText } from "../model/release.ts";
import type { Deps } from "./access.ts";

/** Values of an environment in the clear, by name, with their versions. They never leave the process by this. */
export type GivenValues = Readonly<Record<string, Given>>;

/**
 * What is set for an environment now. A value of `replaced` that no key of the vault opens is left out: whoever lost the
 * key sets it again. Faults: `vault.damaged`.
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

/** The text of a variable with the values that it names. */
export function valueText(value: EnvValue, given: GivenValues): string {
  if (typeof value === "string") return value;
  return value.map((piece) => (typeof piece === "string" ? piece : (given[piece.secret]?.text ?? ""))).join("");
}

export interface ValuesSet {
  /** What is set after it. */
  readonly given: GivenValues;
  /** What has to be written down for it; null when nothing is different. */
  readonly change: Extract<Change, { kind: "variables" }> | null;
}

/** Name to text; null forgets the name. */
export type ValuesToSet = Readonly<Record<string, string | null>>;

/**
 * Seals values as the next versions of their names. A value that is set already stays the version that it is. Nothing is
 * written down. Call it inside `engine.alone`: two callers would make the same version.
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
  const [newest] = await journal.versions(key, name);
  const version = (newest?.version ?? 0) + 1;
  const sealed = vault.seal(new Secret(text), { key, secret: name, version });
  return { version, at: clock.now(), by, sealed };
}
