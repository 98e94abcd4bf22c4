import { Fault } from "../base/faults.ts";
import { blindRedactor, createRedactor, type NamedSecret, noRedactor, type Redactor } from "../base/redact.ts";
import { Secret } from "../base/secret.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import { type EnvValue, type Release, secretsOfRelease } from "../model/release.ts";
import type { ReleaseBook } from "../ports/journal/releases.ts";
import type { ValueBook } from "../ports/journal/values.ts";
import type { SealedPlace, Vault } from "../ports/vault.ts";

interface RedactionDeps {
  readonly journal: { readonly releases: Pick<ReleaseBook, "find">; readonly values: Pick<ValueBook, "sealed"> };
  readonly vault: Vault;
}

/** Cache size: releases are immutable, and so are their redactors. */
const remembered = 200;

/** Hides the secrets of a release wherever its instances and tasks write them. */
export class Redactors {
  readonly #deps: RedactionDeps;
  readonly #known = new Map<string, Redactor>();

  constructor(deps: RedactionDeps) {
    this.#deps = deps;
  }

  /** Reads secrets again: releases of a deleted environment may have reused numbers. */
  forget(): void {
    this.#known.clear();
  }

  /** For output of a release. Without secrets it costs nothing. */
  async of(key: EnvKey, number: number): Promise<Redactor> {
    const id = `${keyText(key)} ${number}`;
    const known = this.#known.get(id);
    if (known) return known;
    const release = await this.#deps.journal.releases.find(key, number);
    if (!release) return noRedactor;
    const found = await this.#secretsOf(release);
    if (found === null) return blindRedactor;
    const { secrets, isWhole } = found;
    const redactor = createRedactor(secrets);
    if (!isWhole) return redactor;
    if (this.#known.size >= remembered) this.#known.clear();
    this.#known.set(id, redactor);
    return redactor;
  }

  /**
   * Set secret values, and those of secret variables in the manifest. Incomplete if one cannot be opened: that may be
   * fixed, so it is read again. Null if one was destroyed, as for a preview whose instances are ending.
   */
  async #secretsOf(release: Release): Promise<{ secrets: NamedSecret[]; isWhole: boolean } | null> {
    const { key, services, artifacts, secrets } = release;
    const isSecret = (name: string) => secrets.includes(name);
    const refs = secretsOfRelease(release).filter(({ secret }) => isSecret(secret));
    const written = [...services, ...artifacts.map((artifact) => ({ env: artifact.env?.secret ?? {} }))].flatMap(
      ({ env }) => Object.entries(env).filter(([name, value]) => typeof value === "string" && secrets.includes(name)),
    );
    const sealed = await this.#deps.journal.values.sealed(key, refs);
    if (refs.some((_ref, place) => !sealed[place])) return null;
    const opened = refs.flatMap((ref, place) => {
      const value = this.#open(sealed[place] ?? "", { key, ...ref });
      return value ? [{ name: ref.secret, value }] : [];
    });
    const all = [...opened, ...written.map(([name, value]) => named(name, value))];
    return { secrets: all, isWhole: opened.length === refs.length };
  }

  /** Null if it cannot be opened: then it is unknown what must be hidden. */
  #open(sealed: string, place: SealedPlace): Secret | null {
    try {
      return this.#deps.vault.open(sealed, place);
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === "vault.damaged") return null;
      throw thrown;
    }
  }
}

function named(name: string, value: EnvValue): NamedSecret {
  return { name, value: new Secret(typeof value === "string" ? value : "") };
}
