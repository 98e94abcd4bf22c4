import { Fault } from "../base/faults.ts";
import type { Deployment } from "../model/deployment.ts";
import { type Environment, type EnvKey, keyText, newEnvironment } from "../model/environment.ts";
import type { Event } from "../model/event.ts";
import { type Release, serviceOf } from "../model/release.ts";
import { composeRelease, readDraft } from "./compose.ts";
import { queue } from "./deploy.ts";
import { generatedValues } from "./generate.ts";
import { authorise, type Call, environmentOf, refuseStale } from "./ground.ts";
import { pagesOf } from "./pages.ts";

export interface ScaledService {
  readonly name: string;
  readonly replicas: number;
  readonly manifest: number;
  readonly override: number | null;
}

/** A document with its revision, which is its ETag. */
export interface Revised<Content> {
  readonly revision: number;
  readonly content: Content;
}

/** What an environment is on its way to: the release of its newest deployment under way, else the serving one. */
async function newestRelease({ deps }: Call, { key, serving }: Environment): Promise<Release | null> {
  const wanted = (await deps.journal.unfinished(key)).filter((one) => !one.cancelRequested).at(-1)?.release;
  const number = wanted ?? serving?.release;
  return number === undefined ? null : deps.journal.release(key, number);
}

function scaleOf(environment: Environment, release: Release | null): readonly ScaledService[] {
  return (release?.services ?? []).map(({ name, replicas, single }) => {
    const override = environment.scale[name] ?? null;
    return { name, replicas: single ? 1 : (override ?? replicas), manifest: replicas, override };
  });
}

/** How many instances every service has. Faults: `app.unknown`. */
export async function readScale(call: Call, key: EnvKey): Promise<Revised<readonly ScaledService[]>> {
  authorise(call, "read");
  const environment = await environmentOf(call, key);
  return { revision: environment.revision, content: scaleOf(environment, await newestRelease(call, environment)) };
}

export interface ScaleOrder {
  /** Service to replicas; null goes back to the manifest. */
  readonly set: Readonly<Record<string, number | null>>;
  /** The revision it must still be at; null does not mind. */
  readonly expected: number | null;
}

/** Sets replicas. Faults: `app.unknown`, `service.unknown`, `scale.single`, `document.stale`. */
export async function changeScale(
  call: Call,
  key: EnvKey,
  order: ScaleOrder,
): Promise<Revised<readonly ScaledService[]>> {
  authorise(call, "configure");
  const { engine, journal, clock } = call.deps;
  await engine.alone(key, async () => {
    const environment = await environmentOf(call, key);
    refuseStale(environment, order.expected);
    const release = await newestRelease(call, environment);
    for (const [name, replicas] of Object.entries(order.set)) refuseScale(release, { key, name, replicas });
    const entries = Object.entries(order.set);
    const detail = entries.map(([name, replicas]) => `${name}=${replicas ?? "manifest"}`).join(" ");
    await journal.commit([
      ...entries.map(([service, replicas]) => ({ kind: "scale", key, service, replicas }) as const),
      { kind: "event", event: configured(key, clock.now(), { kind: "environment.scaled", detail }) },
    ]);
  });
  return readScale(call, key);
}

function refuseScale(release: Release | null, wanted: { key: EnvKey; name: string; replicas: number | null }): void {
  const { key, name, replicas } = wanted;
  const service = release && serviceOf(release, name);
  if (!service) throw new Fault("service.unknown", `${keyText(key)} has no service ${name}`);
  if (service.single && replicas !== null && replicas !== 1) {
    throw new Fault("scale.single", `${name} is \`single\`: it runs exactly once, not ${replicas} times`);
  }
}

function configured(key: EnvKey, at: number, what: Pick<Event, "kind" | "detail">): Omit<Event, "id"> {
  return { at, key, deployment: null, subject: null, ...what };
}

export interface Variables {
  readonly variables: Readonly<Record<string, string>>;
  /** What every service of the newest release gets, by service. */
  readonly effective: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The values set for an environment, and what comes of them. Faults: `app.unknown`. */
export async function readVariables(call: Call, key: EnvKey): Promise<Revised<Variables>> {
  authorise(call, "read");
  const environment = await environmentOf(call, key);
  const release = await newestRelease(call, environment);
  const effective = Object.fromEntries((release?.services ?? []).map(({ name, env }) => [name, env]));
  return { revision: environment.revision, content: { variables: environment.variables, effective } };
}

export interface VariablesOrder {
  /** Name to value; null forgets it. */
  readonly set: Readonly<Record<string, string | null>>;
  readonly expected: number | null;
}

export interface VariablesChanged extends Revised<Readonly<Record<string, string>>> {
  readonly deployment: Deployment | null;
}

/**
 * Sets and forgets variables. What serves, or is on its way to, becomes a new release of the same artifacts with its own
 * deployment; otherwise the next deployment takes the values along. Faults: `document.stale`; `manifest.invalid` when the
 * manifest does not allow the outcome, and then nothing is changed.
 */
export async function changeVariables(call: Call, key: EnvKey, order: VariablesOrder): Promise<VariablesChanged> {
  const createdBy = authorise(call, "configure").name;
  const { engine, journal, clock } = call.deps;
  const deployment = await engine.alone(key, async () => {
    const environment = (await journal.environment(key)) ?? newEnvironment(key);
    refuseStale(environment, order.expected);
    const message = `configuration: ${Object.keys(order.set).join(", ")}`;
    const event = configured(key, clock.now(), { kind: "environment.configured", detail: message });
    const changes = (set: VariablesOrder["set"]) =>
      [
        { kind: "variables", key, set },
        { kind: "event", event },
      ] as const;
    const base = await newestRelease(call, environment);
    if (!base) {
      await journal.commit(changes(order.set));
      return null;
    }
    const draft = { ...readDraft(key, base.source, base.manifest), pages: pagesOf(base) };
    const given = merged(environment.variables, order.set);
    const made = generatedValues(draft.spec, given);
    const release = composeRelease(call.deps, {
      key,
      draft,
      number: (await journal.lastReleaseNumber(key)) + 1,
      overrides: { ...given, ...made },
      createdBy,
      message,
    });
    const beside = changes({ ...order.set, ...made });
    return queue(call, { environment, kind: "deploy", release, isNew: true, services: null, beside });
  });
  const { revision, variables: content } = await environmentOf(call, key);
  return { revision, content, deployment };
}

/** Values after a change. */
function merged(values: Readonly<Record<string, string>>, set: VariablesOrder["set"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...values, ...set }).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}
