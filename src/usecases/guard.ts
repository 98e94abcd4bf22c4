import { Fault } from "../base/faults.ts";
import { type Environment, type EnvKey, keyText } from "../model/environment.ts";
import type { Protection } from "../model/release.ts";
import type { Call, Deps } from "./access.ts";

/** Code to build or deploy: its Git branch, and the protection in its own manifest. */
export interface NewCode {
  readonly branch: string | null;
  readonly protection: Protection | null;
}

/**
 * Refuses a change that the environment's protection forbids. The last live release decides, so that a manifest without
 * `protected` must pass the protection that it replaces; for new code both apply. Faults: those of `refuseUnfit`,
 * `confirm.needed`. Call it inside `engine.alone`.
 */
export async function guard(call: Call, environment: Environment, code: NewCode | null = null): Promise<void> {
  const protections = await refuseUnfit(call, environment, code);
  if (protections.some(({ confirm }) => confirm)) refuseUnconfirmed(call, environment);
}

/**
 * The same for actions that do not affect what serves, without confirmation. Returns the environment's protection.
 * Faults: `preview.ended`, `environment.destroyed`, `protected.not-allowed`, `branch.not-allowed`.
 */
export async function refuseUnfit(
  call: Call,
  environment: Environment,
  code: NewCode | null,
): Promise<readonly Protection[]> {
  const { key } = environment;
  refuseEnded(call, environment);
  const protections = [await protectionOf(call.deps, key), code?.protection ?? null].filter((one) => one !== null);
  for (const protection of protections) {
    refuseUnnamed(call, key, protection);
    if (code) refuseBranch(environment, protection, code);
  }
  return protections;
}

function refuseEnded({ deps }: Call, { key, preview }: Environment): void {
  if (!preview || (preview.endedAt === null && deps.clock.now() < preview.endsAt)) return;
  if (preview.from === null) throw new Fault("environment.destroyed", `${keyText(key)} is being destroyed`);
  const hint = `Create it again with \`fairlead preview create ${key.environment}\`.`;
  throw new Fault("preview.ended", `the preview ${keyText(key)} has expired`, { hint });
}

/** Refuses those who may not change the environment; no confirmation is needed. Fault: `protected.not-allowed`. */
export async function refuseOthers(call: Call, key: EnvKey): Promise<void> {
  const protection = await protectionOf(call.deps, key);
  if (protection) refuseUnnamed(call, key, protection);
}

/** An environment's protection: that of the last live release, also while it is stopped. */
export async function protectionOf({ journal }: Deps, key: EnvKey): Promise<Protection | null> {
  const [last] = await journal.releases.live(key, 1);
  const release = last === undefined ? null : await journal.releases.find(key, last);
  return release?.protection ?? null;
}

function refuseUnnamed(call: Call, key: EnvKey, { who }: Protection): void {
  const { name } = call.actor;
  if (who === null || who.includes(name)) return;
  throw new Fault("protected.not-allowed", `${keyText(key)} is changed only by ${who.join(", ")}, and this is ${name}`);
}

function refuseBranch({ key }: Environment, { branches }: Protection, { branch }: NewCode): void {
  if (branches === null || (branch !== null && branches.includes(branch))) return;
  const takes = `${keyText(key)} takes only ${branches.join(", ")}, and this is code from`;
  if (branch !== null) throw new Fault("branch.not-allowed", `${takes} the branch ${branch}`);
  const hint = "If Git has no branch checked out, name the code's branch with `fairlead deploy --branch`.";
  throw new Fault("branch.not-allowed", `${takes} no known branch`, { hint });
}

function refuseUnconfirmed(call: Call, { key }: Environment): void {
  refuseUnless(call, key.environment, `${keyText(key)} is protected from accidental changes.`);
}

/** Refuses unless the request repeats a name. Fault: `confirm.needed`. */
export function refuseUnless({ confirm }: Call, name: string, words: string): void {
  if (confirm === name) return;
  const hint = `Repeat with --confirm ${name}; over HTTP with the header Fairlead-Confirm.`;
  throw new Fault("confirm.needed", words, { hint, confirm: name });
}
