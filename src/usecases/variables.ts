import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { fillEnv } from "../engine/values.ts";
import type { Deployment } from "../model/deployment.ts";
import { type Environment, type EnvKey, keyText, newEnvironment, type SetValue } from "../model/environment.ts";
import { type EnvValue, type Release, refText, releaseName, type SecretRef, secretsOf } from "../model/release.ts";
import { composeRelease, readDraft } from "./compose.ts";
import { queue } from "./deploy.ts";
import { configured, newestRelease, type Revised } from "./documents.ts";
import { generatedValues } from "./generate.ts";
import { authorise, type Call, environmentOf, refuseStale } from "./ground.ts";
import { pagesOf } from "./pages.ts";
import { givenValues, setValues, type ValuesSet, type ValuesToSet } from "./values.ts";

/** A value that is set. `live`: what serves has this version; else it waits for the next deployment. */
export interface KnownValue extends SetValue {
  readonly live: boolean;
}

/** A variable of a service as it is shown: by a digest, and by what was set of it. */
export interface EffectiveValue {
  readonly digest: string;
  /** The versions in it, as `NAME@3`; none when the manifest says all of it. */
  readonly set: readonly string[];
}

export interface Variables {
  readonly variables: Readonly<Record<string, KnownValue>>;
  /** What every service of the newest release gets, by service. */
  readonly effective: Readonly<Record<string, Readonly<Record<string, EffectiveValue>>>>;
}

/** The values set for an environment, and what comes of them, by digests. Faults: `app.unknown`, `vault.damaged`. */
export async function readVariables(call: Call, key: EnvKey): Promise<Revised<Variables>> {
  authorise(call, "read");
  const { deps } = call;
  const environment = await environmentOf(call, key);
  const release = await newestRelease(call, environment);
  const variables = await knownValues(call, environment);
  const effective: Record<string, Record<string, EffectiveValue>> = {};
  for (const { name, env } of release?.services ?? []) {
    const filled = await fillEnv(deps, key, env);
    effective[name] = Object.fromEntries(
      Object.entries(env).map(([variable, value]) => {
        const digest = deps.vault.digest(new Secret(filled[variable] ?? ""));
        return [variable, { digest, set: setIn(value) }];
      }),
    );
  }
  return { revision: environment.revision, content: { variables, effective } };
}

function setIn(value: EnvValue): readonly string[] {
  return secretsOf({ value }).map(refText);
}

async function knownValues({ deps }: Call, environment: Environment): Promise<Record<string, KnownValue>> {
  const { key, serving, variables } = environment;
  const release = serving && (await deps.journal.release(key, serving.release));
  const used = new Set((release?.services ?? []).flatMap(({ env }) => secretsOf(env)).map(refText));
  return Object.fromEntries(
    Object.entries(variables).map(([secret, value]) => {
      const live = used.has(refText({ secret, version: value.version }));
      return [secret, { ...value, live }];
    }),
  );
}

export interface Revealed {
  readonly variables: Readonly<Record<string, string>>;
  readonly effective: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The same in the clear; who asked is written down before anything is shown. Faults: those of `readVariables`. */
export async function revealVariables(call: Call, key: EnvKey): Promise<Revealed> {
  const { name, via } = authorise(call, "reveal");
  const { deps } = call;
  const environment = await environmentOf(call, key);
  const release = await newestRelease(call, environment);
  const given = await givenValues(deps, environment);
  const detail = `${name} (${via}) read ${Object.keys(given).join(", ") || "the variables of the release"}`;
  const event = configured(key, deps.clock.now(), { kind: "variables.revealed", detail });
  await deps.journal.commit([{ kind: "event", event }]);
  const effective: Record<string, Record<string, string>> = {};
  for (const service of release?.services ?? []) effective[service.name] = await fillEnv(deps, key, service.env);
  return {
    variables: Object.fromEntries(Object.entries(given).map(([variable, { text }]) => [variable, text])),
    effective,
  };
}

export interface VariablesOrder {
  /** Name to value; null forgets it. */
  readonly set: ValuesToSet;
  /** Keeps the change for the next deployment instead of deploying it. */
  readonly stage?: boolean | undefined;
  /** The revision it must still be at; null does not mind. */
  readonly expected: number | null;
}

export interface VariablesChanged extends Revised<Readonly<Record<string, KnownValue>>> {
  readonly deployment: Deployment | null;
}

/**
 * Sets and forgets variables. What serves, or is on its way to, becomes a new release of the same artifacts with its own
 * deployment; otherwise, and with `stage`, the next deployment takes the values along. Faults: `document.stale`;
 * `manifest.invalid` when the manifest does not allow the outcome, and then nothing is changed.
 */
export async function changeVariables(call: Call, key: EnvKey, order: VariablesOrder): Promise<VariablesChanged> {
  const by = authorise(call, "configure").name;
  const { engine, journal } = call.deps;
  const deployment = await engine.alone(key, async () => {
    const environment = (await journal.environment(key)) ?? newEnvironment(key);
    refuseStale(environment, order.expected);
    const set = await setValues(
      call.deps,
      { environment, given: await givenValues(call.deps, environment), by },
      order.set,
    );
    return apply(call, { environment, set, order, by });
  });
  const environment = await environmentOf(call, key);
  return { revision: environment.revision, content: await knownValues(call, environment), deployment };
}

interface Applying {
  readonly environment: Environment;
  readonly set: ValuesSet;
  readonly order: VariablesOrder;
  readonly by: string;
}

async function apply(call: Call, { environment, set, order, by }: Applying): Promise<Deployment | null> {
  const { journal, clock } = call.deps;
  const { key } = environment;
  const message = `configuration: ${Object.keys(order.set).join(", ")}`;
  const event = configured(key, clock.now(), { kind: "environment.configured", detail: message });
  const changes = (values: ValuesSet) => [...(values.change ? [values.change] : []), { kind: "event", event } as const];
  const base = await newestRelease(call, environment);
  if (!base) {
    await journal.commit(changes(set));
    return null;
  }
  const { release, values } = await recomposed(call, { environment, base, set, by, message });
  if (order.stage) {
    await journal.commit(changes(values));
    return null;
  }
  return queue(call, { environment, kind: "deploy", release, isNew: true, services: null, beside: changes(values) });
}

/** The release that comes of other values with the same code. */
async function recomposed(
  { deps }: Call,
  about: { environment: Environment; base: Release; set: ValuesSet; by: string; message: string },
): Promise<{ release: Release; values: ValuesSet }> {
  const { environment, base, set, by, message } = about;
  const { key } = environment;
  const draft = { ...readDraft(key, base.source, base.manifest), pages: pagesOf(base) };
  const made = await setValues(deps, { environment, given: set.given, by }, generatedValues(draft.spec, set.given));
  const both = { ...set.change?.set, ...made.change?.set };
  const change = Object.keys(both).length > 0 ? ({ kind: "variables", key, set: both } as const) : null;
  const number = (await deps.journal.lastReleaseNumber(key)) + 1;
  const release = composeRelease(deps, { key, draft, number, given: made.given, createdBy: by, message });
  return { release, values: { given: made.given, change } };
}

/**
 * Destroys the text of one version for good; that it was there stays known. Faults: `value.unknown`; `value.needed` when
 * it is set now, or a release needs it that serves, is on its way to, or can be gone back to.
 */
export async function destroyValue(call: Call, key: EnvKey, ref: SecretRef): Promise<void> {
  const by = authorise(call, "configure").name;
  const { engine, journal, clock } = call.deps;
  await engine.alone(key, async () => {
    const environment = await environmentOf(call, key);
    const versions = await journal.versions(key, ref.secret);
    const found = versions.find(({ version, destroyed }) => version === ref.version && !destroyed);
    if (!found) throw new Fault("value.unknown", `${keyText(key)} has no ${refText(ref)}`);
    await refuseNeeded(call, environment, ref);
    const event = configured(key, clock.now(), { kind: "variables.destroyed", detail: `${refText(ref)}, by ${by}` });
    await journal.commit([
      { kind: "value.destroyed", key, ref },
      { kind: "event", event },
    ]);
  });
}

async function refuseNeeded({ deps }: Call, environment: Environment, ref: SecretRef): Promise<void> {
  const { key, serving, variables } = environment;
  if (variables[ref.secret]?.version === ref.version) {
    const hint = `Set another value first, or \`fairlead env unset ${ref.secret}\`.`;
    throw new Fault("value.needed", `${refText(ref)} of ${keyText(key)} is what is set now`, { hint });
  }
  const newest = serving && (await deps.journal.release(key, serving.release));
  const kept = await deps.journal.liveReleases(key, newest?.deploy.keep ?? 1_000);
  const underWay = (await deps.journal.unfinished(key)).map(({ release }) => release);
  for (const number of new Set([...kept, ...underWay, ...(serving ? [serving.release] : [])])) {
    const release = await deps.journal.release(key, number);
    const needs = release?.services.some(({ env }) => secretsOf(env).some((one) => refText(one) === refText(ref)));
    if (needs) throw new Fault("value.needed", `${releaseName(number)} of ${keyText(key)} needs ${refText(ref)}`);
  }
}
