import { Fault } from "../base/faults.ts";
import { createRedactor, type NamedSecret, noRedactor, type Redactor } from "../base/redact.ts";
import { Secret } from "../base/secret.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import { type EnvValue, type Release, type SecretRef, secretsOf } from "../model/release.ts";
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

  /** For what runs of a release. Without secrets it costs nothing. */
  async of(key: EnvKey, number: number): Promise<Redactor> {
    const id = `${keyText(key)} ${number}`;
    const known = this.#known.get(id);
    if (known) return known;
    const release = await this.#deps.journal.release(key, number);
    const redactor = release ? createRedactor(await this.#secretsOf(release)) : noRedactor;
    if (this.#known.size >= remembered) this.#known.clear();
    this.#known.set(id, redactor);
    return redactor;
  }

  /** Values that were set and are secret, and those that the manifest itself has of secret variables. */
  async #secretsOf({ key, services, secrets }: Release): Promise<readonly NamedSecret[]> {
    const isSecret = (name: string) => secrets?.includes(name) ?? true;
    const refs = services.flatMap(({ env }) => secretsOf(env)).filter(({ secret }) => isSecret(secret));
    const written = services.flatMap(({ env }) =>
      Object.entries(env).filter(([name, value]) => typeof value === "string" && (secrets?.includes(name) ?? false)),
    );
    return [...(await this.#opened(key, refs)), ...written.map(([name, value]) => named(name, value))];
  }

  async #opened(key: EnvKey, refs: readonly SecretRef[]): Promise<readonly NamedSecret[]> {
    const sealed = await this.#deps.journal.sealed(key, refs);
    return refs.flatMap((ref, place) => {
      const value = this.#open(sealed[place] ?? null, { key, ...ref });
      return value ? [{ name: ref.secret, value }] : [];
    });
  }

  /** Null for what was destroyed, or cannot be opened any more: then nobody can say what would have to be hidden. */
  #open(sealed: string | null, place: SealedPlace): Secret | null {
    if (sealed === null) return null;
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
