import { unreachable } from "../../base/faults.ts";
import { type EnvKey, keyText, type SealedValue } from "../../model/environment.ts";
import { refText, type SecretRef } from "../../model/release.ts";
import type { SealedText, ValueBook, ValuesChange } from "../../ports/journal/values.ts";

type Version = SealedValue & SecretRef;

/** The simulated journal's book of values; a version that was destroyed has an empty text. */
export class SimulatedValueBook implements ValueBook {
  /** By `NAME@3` within an environment. */
  readonly #values = new Map<string, Map<string, Version>>();

  async sealed(key: EnvKey, refs: readonly SecretRef[]) {
    return refs.map((ref) => this.#of(key).get(refText(ref))?.sealed || null);
  }

  async versions(key: EnvKey, name?: string) {
    return [...this.#of(key).values()]
      .filter(({ secret }) => name === undefined || secret === name)
      .sort((a, b) => (a.secret === b.secret ? b.version - a.version : a.secret < b.secret ? -1 : 1))
      .map(({ secret, sealed, ...value }) => ({ name: secret, ...value, destroyed: sealed === "" }));
  }

  async sealedTexts({ after, limit }: Parameters<ValueBook["sealedTexts"]>[0]) {
    const all = [...this.#values].flatMap(([text, values]) => {
      const [app = "", environment = ""] = text.split("/");
      const key = { app, environment };
      return [...values.values()].map(({ secret, version, sealed }) => ({ key, secret, version, sealed }));
    });
    const kept = all.filter(({ sealed }) => sealed !== "").sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
    return kept.filter((one) => after === null || placeOf(one) > placeOf(after)).slice(0, limit);
  }

  write(change: ValuesChange): void {
    switch (change.kind) {
      case "variables":
        return this.#add(change.key, change.set);
      case "value.destroyed":
        return this.#reseal(change.key, change.ref, "");
      case "value.resealed":
        return this.#reseal(change.key, change.ref, change.sealed);
      default:
        return unreachable(change);
    }
  }

  destroyAll(key: EnvKey): void {
    for (const value of this.#of(key).values()) this.#reseal(key, value, "");
  }

  forget(key: EnvKey): void {
    this.#values.delete(keyText(key));
  }

  #of(key: EnvKey): Map<string, Version> {
    const values = this.#values.get(keyText(key)) ?? new Map<string, Version>();
    this.#values.set(keyText(key), values);
    return values;
  }

  #add(key: EnvKey, set: Readonly<Record<string, SealedValue | null>>): void {
    const values = this.#of(key);
    for (const [secret, value] of Object.entries(set)) {
      const ref = value && refText({ secret, version: value.version });
      if (value && ref && !values.has(ref)) values.set(ref, { secret, ...value });
    }
  }

  #reseal(key: EnvKey, ref: SecretRef, sealed: string): void {
    const value = this.#of(key).get(refText(ref));
    if (value && value.sealed !== "") this.#of(key).set(refText(ref), { ...value, sealed });
  }
}

/** An order of all sealed texts: by environment, name and version. */
function placeOf({ key, secret, version }: SealedText): string {
  return `${keyText(key)}\0${secret}\0${String(version).padStart(9, "0")}`;
}
