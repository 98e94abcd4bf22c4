import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import {
  type ArtifactSpec,
  type Env,
  type RegistryLogins,
  refText,
  type SecretRef,
  secretsOf,
} from "../model/release.ts";
import type { BuildVariables } from "../ports/builder.ts";
import type { SealedText } from "../ports/journal/values.ts";
import type { Journal } from "../ports/journal.ts";
import type { SealedPlace, Vault } from "../ports/vault.ts";

/** Storage of set values: sealed texts in the journal, keys in the vault. */
export interface ValueStore {
  readonly journal: Pick<Journal, "values" | "commit">;
  readonly vault: Vault;
}

/** Opens versions of values, by `NAME@3`. Faults: `value.destroyed`, `vault.damaged`. */
export async function openValues(
  { journal, vault }: ValueStore,
  key: EnvKey,
  refs: readonly SecretRef[],
): Promise<ReadonlyMap<string, Secret>> {
  const sealed = refs.length === 0 ? [] : await journal.values.sealed(key, refs);
  const opened = refs.map((ref, place) => {
    const text = sealed[place];
    if (text === null || text === undefined) {
      throw new Fault("value.destroyed", `${refText(ref)} of ${keyText(key)} was destroyed`);
    }
    return [refText(ref), vault.open(text, { key, ...ref })] as const;
  });
  return new Map(opened);
}

/** The variables of a release for its processes. Faults: those of `openValues`. */
export async function fillEnv(store: ValueStore, key: EnvKey, env: Env): Promise<Record<string, string>> {
  const values = await openValues(store, key, secretsOf(env));
  const text = (piece: string | SecretRef) =>
    typeof piece === "string" ? piece : (values.get(refText(piece))?.reveal() ?? "");
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, typeof value === "string" ? value : value.map(text).join("")]),
  );
}

/** The external input of an artifact's build, for its builder. Faults: those of `openValues`. */
export async function fillBuildEnv(
  store: ValueStore,
  key: EnvKey,
  { env, registries = {} }: Pick<ArtifactSpec, "env" | "registries">,
): Promise<BuildVariables> {
  const plain = await fillEnv(store, key, env?.plain ?? {});
  const secret = Object.entries(await fillEnv(store, key, env?.secret ?? {}));
  return {
    plain,
    secret: Object.fromEntries(secret.map(([name, text]) => [name, new Secret(text)])),
    registries: await fillLogins(store, key, registries),
  };
}

async function fillLogins(
  store: ValueStore,
  key: EnvKey,
  logins: RegistryLogins<SecretRef>,
): Promise<RegistryLogins<Secret>> {
  const passwords = await openValues(
    store,
    key,
    Object.values(logins).map(({ password }) => password),
  );
  const filled = Object.entries(logins).map(([host, { username, password }]) => {
    return [host, { username, password: passwords.get(refText(password)) ?? new Secret("") }] as const;
  });
  return Object.fromEntries(filled);
}

/** Number of sealed texts replaced in one transaction. */
const resealedAtOnce = 200;

export interface Resealed {
  /** How many values are sealed with the newest key now. */
  readonly values: number;
  /** Those that no key of the vault opens, as `API_KEY@2 of shop/production`; they are not changed. */
  readonly lost: readonly string[];
}

/**
 * Seals everything that can be opened with the newest key. It can be interrupted at any point and repeated. Old keys
 * stay in the vault, because a value sealed with one may be about to be recorded. They are deleted when a controller
 * starts.
 */
export async function resealAll({ journal, vault }: ValueStore): Promise<Resealed> {
  let values = 0;
  const lost: string[] = [];
  for (let after: SealedText | null = null; ; ) {
    const page = await journal.values.sealedTexts({ after, limit: resealedAtOnce });
    const changes = page
      .filter(({ sealed }) => !vault.isCurrent(sealed))
      .flatMap(({ key, secret, version, sealed }) => {
        const ref = { secret, version };
        const place = { key, ...ref };
        const value = openedOrNull(vault, sealed, place);
        if (value !== null) return [{ kind: "value.resealed", key, ref, sealed: vault.seal(value, place) } as const];
        lost.push(`${refText(ref)} of ${keyText(key)}`);
        return [];
      });
    await journal.commit(changes);
    values += page.length;
    after = page.at(-1) ?? null;
    if (page.length < resealedAtOnce) break;
  }
  return { values: values - lost.length, lost };
}

function openedOrNull(vault: Vault, sealed: string, place: SealedPlace): Secret | null {
  try {
    return vault.open(sealed, place);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "vault.damaged") return null;
    throw thrown;
  }
}
