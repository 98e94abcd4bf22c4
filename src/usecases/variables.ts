import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { fillEnv } from "../engine/values.ts";
import type { IdempotentOutcome, ValueChange } from "../model/claim.ts";
import type { Deployment } from "../model/deployment.ts";
import { type Environment, type EnvKey, keyText, type SetValue } from "../model/environment.ts";
import {
  buildEnvOf,
  type Env,
  isOwnVariable,
  type Release,
  refText,
  secretsOf,
  secretsOfRelease,
} from "../model/release.ts";
import { refusedName } from "../model/variables.ts";
import type { Change } from "../ports/journal.ts";
import {
  type Call,
  environmentFor,
  environmentOf,
  invalid,
  newestRelease,
  type Revised,
  refuseStale,
} from "./access.ts";
import { audited } from "./audit.ts";
import { composeRelease, loadManifest } from "./compose.ts";
import { queue } from "./deploy.ts";
import { deploymentOf } from "./deployments.ts";
import { configured } from "./events.ts";
import { isGenerated, newValue, withGenerated } from "./generate.ts";
import { guard, refuseOthers } from "./guard.ts";
import { doneBy } from "./idempotency.ts";
import { pagesOf } from "./pages.ts";
import { permitOf, refuseUnready } from "./readiness.ts";
import { type GivenValues, givenValues, setValues, type ValuesSet, type ValuesToSet } from "./values.ts";

/** A set value. `live`: the live release has this version; otherwise it waits for the next deployment. */
export interface KnownVariable extends SetValue {
  readonly digest: string;
  readonly live: boolean;
}

/** A variable of a service for display: by digest, and by version. */
export interface EffectiveValue {
  readonly digest: string;
  /** The versions in it, as `NAME@3`; none if all of it is from the manifest. */
  readonly set: readonly string[];
  /** Its group in the manifest. */
  readonly group: string | null;
}

export interface Variables {
  readonly variables: Readonly<Record<string, KnownVariable>>;
  /** What every service of the newest release gets, by service. */
  readonly effective: Readonly<Record<string, EffectiveValues>>;
  /** What its builds get. */
  readonly build: EffectiveValues;
}

type EffectiveValues = Readonly<Record<string, EffectiveValue>>;

/**
 * The values set for an environment, and the resulting variables, as digests. Faults: `app.unknown`, `vault.damaged`.
 */
export async function readVariables(call: Call, key: EnvKey): Promise<Revised<Variables>> {
  const { deps } = call;
  const environment = await environmentOf(call, key);
  const release = await newestRelease(call, environment);
  const variables = await knownValues(call, environment);
  const loaded = release && loadManifest(environment, release.source, release.manifest);
  const effectiveIn = async (service: string | null, env: Env): Promise<EffectiveValues> => {
    const filled = await fillEnv(deps, key, env);
    const values = Object.entries(env).map(([variable, value]) => {
      const written = loaded?.originsOf(variable).find((one) => one.service === service);
      const digest = deps.vault.digest(new Secret(filled[variable] ?? ""), key);
      return [
        variable,
        { digest, set: secretsOf({ value }).map(refText), group: written?.place.group ?? null },
      ] as const;
    });
    return Object.fromEntries(values);
  };
  const effective: Record<string, EffectiveValues> = {};
  for (const { name, env } of release?.services ?? []) effective[name] = await effectiveIn(name, env);
  const build = await effectiveIn(null, release ? buildEnvOf(release) : {});
  return { revision: environment.revision, content: { variables, effective, build } };
}

async function knownValues({ deps }: Call, environment: Environment): Promise<Record<string, KnownVariable>> {
  const { key, serving, variables } = environment;
  const release = serving && (await deps.journal.releases.find(key, serving.release));
  const used = new Set((release ? secretsOfRelease(release) : []).map(refText));
  const given = await givenValues(deps, environment);
  return Object.fromEntries(
    Object.entries(variables).map(([secret, value]) => {
      const live = used.has(refText({ secret, version: value.version }));
      const digest = deps.vault.digest(new Secret(given[secret]?.text ?? ""), key);
      return [secret, { ...value, digest, live }];
    }),
  );
}

export interface Revealed {
  readonly variables: Readonly<Record<string, string>>;
  readonly effective: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly build: Readonly<Record<string, string>>;
}

/**
 * The same in the clear; the request is recorded before anything is shown. Faults: those of `readVariables`,
 * `protected.not-allowed`.
 */
export async function revealVariables(call: Call, key: EnvKey): Promise<Revealed> {
  const { deps } = call;
  const environment = await environmentOf(call, key);
  await refuseOthers(call, key);
  const release = await newestRelease(call, environment);
  const given = await givenValues(deps, environment);
  const envs = release ? [...release.services.map(({ env }) => env), buildEnvOf(release)] : [];
  const names = new Set([given, ...envs].flatMap(Object.keys));
  const shown = [...names].filter((name) => !isOwnVariable(name)).sort();
  await deps.journal.commit([audited(call, { action: "env.reveal", key, names: shown })]);
  const effective: Record<string, Record<string, string>> = {};
  for (const service of release?.services ?? []) effective[service.name] = await fillEnv(deps, key, service.env);
  return {
    variables: Object.fromEntries(Object.entries(given).map(([variable, { text }]) => [variable, text])),
    effective,
    build: release ? await fillEnv(deps, key, buildEnvOf(release)) : {},
  };
}

export interface VariablesOrder {
  /** Name to value; null unsets it. */
  readonly set: ValuesToSet;
  /** Name of a set variable to its new value; null: generated as in the manifest's `generate`. */
  readonly rotate?: ValuesToSet | undefined;
  /** Unsets variables that are not named, except generated ones. */
  readonly prune?: boolean | undefined;
  /** Validates the change without applying it. */
  readonly dryRun?: boolean | undefined;
  /** Keeps the change for the next deployment instead of deploying it. */
  readonly stage?: boolean | undefined;
  /** The expected revision; null: any. */
  readonly expected: number | null;
}

export interface VariablesChanged extends Revised<Readonly<Record<string, KnownVariable>>> {
  readonly deployment: Deployment | null;
  /** The effect, or expected effect, on every name. */
  readonly changes: Readonly<Record<string, ValueChange>>;
}

/**
 * Sets and unsets variables. The live or coming release becomes a new release of the same artifacts with its own
 * deployment; otherwise, and with `stage`, the next deployment uses the values. If no service would get another value,
 * nothing is deployed. Faults: `request.invalid` for a name that Fairlead gives itself; `document.stale`; those of
 * `guard` and `rotated`; `manifest.invalid` when the manifest does not allow the outcome and `check.failed` when the
 * readiness check does not; then nothing is changed.
 */
export async function changeVariables(call: Call, key: EnvKey, order: VariablesOrder): Promise<VariablesChanged> {
  const by = call.actor.name;
  const { engine } = call.deps;
  for (const [name, value] of Object.entries(order.set)) {
    const refused = value === null ? null : refusedName(name, false);
    if (refused !== null) throw invalid(`set.${name}`, refused);
  }
  const outcome = await engine.exclusively(key, async (): Promise<IdempotentOutcome> => {
    const environment = await environmentFor(call.deps, key);
    refuseStale(environment, order.expected);
    await (order.dryRun ? refuseOthers(call, key) : guard(call, environment));
    const replaced = Object.keys(order.set).filter((name) => order.set[name] !== null);
    const before = await givenValues(call.deps, environment, replaced);
    const base = await newestRelease(call, environment);
    const pruned = order.prune ? forgotten(before, environment, base) : {};
    const wanted = { ...pruned, ...order.set, ...rotated(order.rotate ?? {}, { environment, given: before, base }) };
    const set = await setValues(call.deps, { environment, given: before, by }, wanted);
    const changes = changesOf(order, before, set);
    const accounts = accountsOf(call, { key, order, changes });
    const names = Object.keys(wanted);
    const deployment = await apply(call, { environment, base, set, order, names, by, accounts, changes });
    return { deployment: deployment?.id ?? null, changes };
  });
  return changedVariables(call, key, outcome);
}

/** The answer to a change of variables, also for a repeated request. Faults: those of `deploymentOf`. */
export async function changedVariables(call: Call, key: EnvKey, outcome: IdempotentOutcome): Promise<VariablesChanged> {
  const environment = await environmentFor(call.deps, key);
  const content = await knownValues(call, environment);
  const deployment = outcome.deployment === null ? null : await deploymentOf(call, outcome.deployment);
  return { revision: environment.revision, content, deployment, changes: outcome.changes ?? {} };
}

function changesOf(order: VariablesOrder, before: GivenValues, { change }: ValuesSet): Record<string, ValueChange> {
  const names = [...Object.keys({ ...order.set, ...order.rotate }), ...Object.keys(change?.set ?? {})];
  return Object.fromEntries(names.map((name) => [name, changeOf(before, name, change?.set[name])]));
}

function changeOf(before: GivenValues, name: string, value: SetValue | null | undefined): ValueChange {
  if (value === undefined) return "same";
  if (value === null) return "forgotten";
  return Object.hasOwn(before, name) ? "changed" : "added";
}

/** Audit entries, one for every kind of change. */
function accountsOf(
  call: Call,
  { key, order, changes }: { key: EnvKey; order: VariablesOrder; changes: Readonly<Record<string, ValueChange>> },
): readonly Change[] {
  const isRotated = (name: string) => Object.hasOwn(order.rotate ?? {}, name);
  const actionOf = ([name, change]: [string, ValueChange]) => {
    if (change === "same") return null;
    if (change === "forgotten") return "env.unset";
    return isRotated(name) ? "env.rotate" : "env.set";
  };
  const entries = Object.entries(changes);
  return (["env.unset", "env.set", "env.rotate"] as const).flatMap((action) => {
    const names = entries.filter((entry) => actionOf(entry) === action).map(([name]) => name);
    const detail = order.stage ? "staged" : "";
    return names.length === 0 ? [] : [audited(call, { action, key, names: names.sort(), detail })];
  });
}

/** All set variables, to be unset, except generated ones. */
function forgotten(given: GivenValues, environment: Environment, base: Release | null): Record<string, null> {
  const spec = base && loadManifest(environment, base.source, base.manifest).spec;
  const names = Object.keys(given).filter((name) => !spec || !isGenerated(spec, name));
  return Object.fromEntries(names.map((name) => [name, null]));
}

/**
 * The new value of every name. Faults: `value.unknown` for one that is not set, `value.not-generated` for one without a
 * value that Fairlead does not make, `request.invalid` for the value that it has.
 */
function rotated(
  rotate: ValuesToSet,
  { environment, given, base }: { environment: Environment; given: GivenValues; base: Release | null },
): Readonly<Record<string, string>> {
  const { key } = environment;
  const spec = base && loadManifest(environment, base.source, base.manifest).spec;
  return Object.fromEntries(
    Object.entries(rotate).map(([name, text]) => {
      if (!Object.hasOwn(given, name)) throw new Fault("value.unknown", `${name} is not set for ${keyText(key)}`);
      const value = text ?? (spec && newValue(spec, name));
      if (value === null) throw new Fault("value.not-generated", `the manifest has no \`generate\` for ${name}`);
      if (value === given[name]?.text) throw invalid(`rotate.${name}`, "is the current value");
      return [name, value];
    }),
  );
}

interface Applying {
  readonly environment: Environment;
  readonly base: Release | null;
  readonly set: ValuesSet;
  readonly order: VariablesOrder;
  readonly names: readonly string[];
  readonly by: string;
  readonly accounts: readonly Change[];
  readonly changes: Readonly<Record<string, ValueChange>>;
}

async function apply(call: Call, applying: Applying): Promise<Deployment | null> {
  const { environment, base, set, order, names, by, accounts } = applying;
  const { journal, clock } = call.deps;
  const { key } = environment;
  const message = `${order.rotate ? "rotated" : "configuration"}: ${names.join(", ")}`;
  const event = configured(key, clock.now(), { kind: "environment.configured", detail: message });
  const written = (values: ValuesSet): readonly Change[] => {
    return [...(values.change ? [values.change] : []), { kind: "event", event }, ...accounts];
  };
  const done = doneBy(call, { deployment: null, changes: applying.changes });
  if (!base) {
    if (!order.dryRun && set.change) await journal.commit([...written(set), ...done]);
    return null;
  }
  const { release, values } = await recomposed(call, { environment, base, set, by, message });
  if (order.dryRun) return null;
  if (order.stage || runsTheSame(base, release)) {
    if (values.change) await journal.commit([...written(values), ...done]);
    return null;
  }
  const about = { environment, kind: "deploy", release, isNew: true, services: null } as const;
  return queue(call, { ...about, beside: written(values), values: applying.changes });
}

/** Whether every service would get the same values and build. A new registry password is for the next build. */
function runsTheSame(one: Release, other: Release): boolean {
  const told = ({ services, artifacts }: Release) => [
    ...services.flatMap(({ env }) => secretsOf(env)).map(refText),
    ...artifacts.map(({ digest }) => digest),
  ];
  const [before, after] = [one, other].map((release) => [...new Set(told(release))].sort().join(" "));
  return before === after;
}

/** A release with other values and the same code. */
async function recomposed(
  { deps }: Call,
  about: { environment: Environment; base: Release; set: ValuesSet; by: string; message: string },
): Promise<{ release: Release; values: ValuesSet }> {
  const { environment, base, set, by, message } = about;
  const { key } = environment;
  const loaded = { ...loadManifest(environment, base.source, base.manifest), pages: pagesOf(base) };
  const values = await withGenerated(deps, { environment, spec: loaded.spec }, set);
  const number = (await deps.journal.releases.lastNumber(key)) + 1;
  const { given } = values;
  const { branch, commit } = base;
  const composed = composeRelease(deps, { key, loaded, number, given, createdBy: by, message, branch, commit });
  const allowed = await refuseUnready(deps, { loaded, release: composed, given }, { allow: permitOf(base), by });
  return { release: { ...composed, allowed }, values };
}
