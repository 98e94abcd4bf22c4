import { Fault } from "../base/faults.ts";
import type { Secret } from "../base/secret.ts";
import { openValues, resealAll } from "../engine/values.ts";
import { type Environment, type EnvKey, keyText } from "../model/environment.ts";
import { type Release, refText, releaseName, type SecretRef, secretsOfRelease } from "../model/release.ts";
import type { ValueVersion } from "../ports/journal/values.ts";
import { type Call, environmentOf } from "./access.ts";
import { audited } from "./audit.ts";
import { configured } from "./events.ts";
import { guard } from "./guard.ts";

/** A version of a value and the releases that use it. */
export interface KnownVersion extends ValueVersion {
  /** Null: its text was destroyed. */
  readonly digest: string | null;
  readonly state: "set" | "kept" | "destroyed";
  /** Numbers of the newest releases that use it. */
  readonly releases: readonly number[];
}

/** Number of releases searched for a version and listed with it. */
const releasesSeen = { searched: 200, named: 20 } as const;

/** Every version of a value, newest first. Faults: `app.unknown`, `value.unknown`, `vault.damaged`. */
export async function listVersions(call: Call, key: EnvKey, name: string): Promise<readonly KnownVersion[]> {
  const { journal, vault } = call.deps;
  const { variables } = await environmentOf(call, key);
  const versions = await journal.values.versions(key, name);
  if (versions.length === 0) throw new Fault("value.unknown", `${name} was never set for ${keyText(key)}`);
  const releases = await journal.releases.page(key, { limit: releasesSeen.searched });
  const kept = versions.filter(({ destroyed }) => !destroyed).map(({ version }) => ({ secret: name, version }));
  const opened = await openValues(call.deps, key, kept);
  const digestOf = (text: Secret | undefined) => (text === undefined ? null : vault.digest(text, key));
  return versions.map((one) => ({
    ...one,
    digest: digestOf(opened.get(refText({ secret: name, version: one.version }))),
    state: one.destroyed ? "destroyed" : variables[name]?.version === one.version ? "set" : "kept",
    releases: releases
      .filter((release) => hasVersion(release, { secret: name, version: one.version }))
      .slice(0, releasesSeen.named)
      .map(({ number }) => number),
  }));
}

function hasVersion(release: Release, ref: SecretRef): boolean {
  return secretsOfRelease(release).some((one) => refText(one) === refText(ref));
}

/** The master key in the clear, for a bundle that the caller encrypts. */
export async function recoverVault(call: Call): Promise<{ masterKey: string }> {
  const { vault, journal } = call.deps;
  await journal.commit([audited(call, { action: "vault.recovery", key: null })]);
  await vault.noteCopy();
  return { masterKey: vault.masterKey().reveal() };
}

/** Replaces the keys of the vault and seals every value again; deployments continue meanwhile. */
export async function rotateVault(call: Call): Promise<{ values: number }> {
  const { vault, journal } = call.deps;
  await journal.commit([audited(call, { action: "vault.rotate", key: null })]);
  await vault.renew();
  const { values } = await resealAll(call.deps);
  return { values };
}

/**
 * Permanently destroys the text of one version; its existence stays known. Faults: `value.unknown`; `value.needed` if
 * it is the current value, or a release that serves, is being deployed or can be rolled back to needs it; those of
 * `guard`.
 */
export async function destroyValue(call: Call, key: EnvKey, ref: SecretRef): Promise<void> {
  const { engine, journal, clock } = call.deps;
  await engine.exclusively(key, async () => {
    const environment = await environmentOf(call, key);
    const versions = await journal.values.versions(key, ref.secret);
    const found = versions.find(({ version, destroyed }) => version === ref.version && !destroyed);
    if (!found) throw new Fault("value.unknown", `${keyText(key)} has no ${refText(ref)}`);
    await refuseNeeded(call, environment, ref);
    await guard(call, environment);
    const event = configured(key, clock.now(), { kind: "variables.destroyed", detail: refText(ref) });
    await journal.commit([
      { kind: "value.destroyed", key, ref },
      { kind: "event", event },
      audited(call, { action: "env.destroy", key, names: [refText(ref)] }),
    ]);
  });
}

async function refuseNeeded({ deps }: Call, environment: Environment, ref: SecretRef): Promise<void> {
  const { key, serving, variables } = environment;
  if (variables[ref.secret]?.version === ref.version) {
    const hint = `Set another value first, or \`fairlead env unset ${ref.secret}\`.`;
    throw new Fault("value.needed", `${refText(ref)} of ${keyText(key)} is the current value`, { hint });
  }
  const newest = serving && (await deps.journal.releases.find(key, serving.release));
  const kept = await deps.journal.releases.live(key, newest?.deploy.keep ?? 1_000);
  const underWay = (await deps.journal.deployments.unfinished(key)).map(({ release }) => release);
  for (const number of new Set([...kept, ...underWay, ...(serving ? [serving.release] : [])])) {
    const release = await deps.journal.releases.find(key, number);
    if (release && hasVersion(release, ref))
      throw new Fault("value.needed", `${releaseName(number)} of ${keyText(key)} needs ${refText(ref)}`);
  }
}
