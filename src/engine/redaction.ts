import { Fault } from "../base/faults.ts";
import { blindRedactor, createRedactor, type NamedSecret, noRedactor, type Redactor } from "../base/redact.ts";
import { Secret } from "../base/secret.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import { type EnvValue, type Release, secretsOfRelease } from "../model/release.ts";
import type { Journal } from "../ports/journal.ts";
import type { SealedPlace, Vault } from "../ports/vault.ts";

interface RedactionDeps {
  readonly journal: Pick<Journal, "release" | "sealed">;
  readonly vault: Vault;
}

/** Releases are immutable, so their redactors are; only so many are remembered. */
const remembered = 200;

/** Hides the secrets of a release wherever its instances and tasks write them. */
export class Redactors {
  readonly #deps: RedactionDeps;
  readonly #known = new Map<string, Redactor>();

  constructor(deps: RedactionDeps) {
    this.#deps = deps;
  }

  /** Looks for secrets anew: releases of an environment that was forgotten may have the numbers of others. */
  forget(): void {
    this.#known.clear();
  }

  /** For what runs of a release. Without secrets it costs nothing. */
  async of(key: EnvKey, number: number): Promise<Redactor> {
    const id = `${keyText(key)} ${number}`;
    const known = this.#known.get(id);
    if (known) return known;
    const release = await this.#deps.journal.release(key, number);
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
   * Values that were set and are secret, and those that the manifest itself has of secret variables. Not whole when one
   * cannot be opened: that may be mended, so it is looked at again. Null when one was destroyed, as those of a preview are
   * while its instances still end.
   */
  async #secretsOf(release: Release): Promise<{ secrets: NamedSecret[]; isWhole: boolean } | null> {
    const { key, services, artifacts, secrets } = release;
    const isSecret = (name: string) => secrets?.includes(name) ?? true;
    const refs = secretsOfRelease(release).filter(({ secret }) => isSecret(secret));
    const written = [...services, ...artifacts.map((artifact) => ({ env: artifact.env?.secret ?? {} }))].flatMap(
      ({ env }) =>
        Object.entries(env).filter(([name, value]) => typeof value === "string" && (secrets?.includes(name) ?? false)),
    );
    const sealed = await this.#deps.journal.sealed(key, refs);
    if (refs.some((_ref, place) => !sealed[place])) return null;
    const opened = refs.flatMap((ref, place) => {
      const value = this.#open(sealed[place] ?? "", { key, ...ref });
      return value ? [{ name: ref.secret, value }] : [];
    });
    const all = [...opened, ...written.map(([name, value]) => named(name, value))];
    return { secrets: all, isWhole: opened.length === refs.length };
  }

  /** Null when it cannot be opened: then nobody can say what would have to be hidden, and the rest of the log counts too. */
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
