import { formatDuration } from "../base/duration.ts";
import { Fault } from "../base/faults.ts";
import { environmentsOf } from "../manifest/read.ts";
import type { Deployment } from "../model/deployment.ts";
import {
  type Environment,
  type EnvKey,
  isDestroyed,
  isThere,
  keyText,
  type Preview,
  sameKey,
} from "../model/environment.ts";
import { type Call, type Deps, environmentFor, invalid } from "./access.ts";
import { audited } from "./audit.ts";
import { type LoadedManifest, loadedManifestOf } from "./compose.ts";
import { type Described, deployCode, type GitOrigin } from "./deploy.ts";
import { configured } from "./events.ts";
import { isGenerated, maker } from "./generate.ts";
import { protectionOf } from "./guard.ts";
import { givenValues, type ValuesToSet } from "./values.ts";

export interface PreviewOrder extends Described, GitOrigin {
  readonly source: string;
  /** The environment whose configuration and values it begins with; omitted: as before, else as the manifest says. */
  readonly from?: string | undefined;
  readonly ttlMs?: number | undefined;
}

export interface PreviewCreated {
  readonly preview: Preview;
  readonly deployment: Deployment;
}

/**
 * Creates a preview and deploys the source to it, or deploys it to the existing one. It starts with the values set for
 * its base, except generated ones: it has its own. Its lifetime starts now. Faults: those of a deployment,
 * `preview.name-taken`, `preview.from-protected`, `preview.too-many`, `request.invalid`.
 */
export async function createPreview(call: Call, key: EnvKey, order: PreviewOrder): Promise<PreviewCreated> {
  const { deps } = call;
  const known = livePreview(await environmentFor(deps, key));
  const loaded = await loadedManifestOf(
    deps,
    { key, preview: { from: order.from ?? known?.from ?? null } },
    order.source,
  );
  const from = { app: key.app, environment: loaded.spec.from ?? "" };
  if (sameKey(from, key)) throw nameTaken(key);
  // The base too: its values are read, and its previews counted. In a fixed order, to avoid a deadlock.
  const [first = key, second = key] = [key, from].sort((a, b) => (keyText(a) < keyText(b) ? -1 : 1));
  const { engine } = deps;
  return engine.exclusively(first, () =>
    engine.exclusively(second, () => createExclusively(call, { key, from, loaded, order })),
  );
}

interface Creation {
  readonly key: EnvKey;
  readonly from: EnvKey;
  readonly loaded: LoadedManifest;
  readonly order: PreviewOrder;
}

async function createExclusively(call: Call, { key, from, loaded, order }: Creation): Promise<PreviewCreated> {
  const { deps } = call;
  const environment = await environmentFor(deps, key);
  const there = livePreview(environment);
  const base = await environmentFor(deps, from);
  await refuseName(deps, key, loaded);
  await refuseBase(deps, base);
  if (order.from !== undefined) await refuseUnknown(deps, from, loaded);
  if (there && there.from !== from.environment)
    throw invalid("from", `${key.environment} is a preview of ${there.from}; remove it first`);
  if (!there) await refuseTooMany(deps, key, loaded);
  const at = deps.clock.now();
  const ttlMs = order.ttlMs ?? there?.ttlMs ?? loaded.spec.previews.ttlMs;
  const preview = { from: from.environment, ttlMs, endsAt: at + ttlMs, endedAt: null };
  const detail = `a preview of ${from.environment} for ${formatDuration(ttlMs)}`;
  const event = configured(key, at, { kind: "preview.created", detail });
  const beside = [{ kind: "preview", key, preview } as const, ...(there ? [] : [{ kind: "event", event } as const])];
  const values = there ? {} : await valuesFor(deps, base, loaded);
  const code = { ...order, action: "preview.create", loaded, values, beside } as const;
  return { preview, deployment: await deployCode(call, environment, code) };
}

/** The preview of an environment; null also if it was removed. */
function livePreview(environment: Environment): Preview | null {
  return isThere(environment) && !isDestroyed(environment) ? environment.preview : null;
}

/** A permanent environment must not get an expiry through its name. */
async function refuseName({ journal }: Deps, key: EnvKey, { text }: LoadedManifest): Promise<void> {
  const known = await journal.environments.find(key);
  const isOwn = known ? known.preview === null || isDestroyed(known) : environmentsOf(text).includes(key.environment);
  if (isOwn || key.environment === "production") throw nameTaken(key);
}

function nameTaken(key: EnvKey): Fault {
  return new Fault("preview.name-taken", `${keyText(key)} is an environment, not a preview`);
}

/** Anyone who writes the code of a preview can read its values, so none may come from a protected environment. */
async function refuseBase(deps: Deps, { key, preview }: Environment): Promise<void> {
  const refuse = (because: string) =>
    new Fault("preview.from-protected", `no preview can be created from ${keyText(key)}: ${because}`);
  if (key.environment === "production") throw refuse("its secrets must stay there");
  if (preview !== null) throw refuse("it is itself a preview");
  if (await protectionOf(deps, key)) throw refuse("it is protected");
}

/** A named base that does not exist is a typo. */
async function refuseUnknown({ journal }: Deps, from: EnvKey, { text }: LoadedManifest): Promise<void> {
  const declared = environmentsOf(text);
  if (declared.includes(from.environment) || (await journal.environments.find(from))) return;
  const known = declared.length > 0 ? `; the manifest has ${declared.join(", ")}` : "";
  throw invalid("from", `there is no environment ${from.environment}${known}`);
}

async function refuseTooMany({ journal, clock }: Deps, { app }: EnvKey, { spec }: LoadedManifest): Promise<void> {
  const { max } = spec.previews;
  const there = (await journal.environments.all()).filter((one) => one.key.app === app && livePreview(one));
  if (there.length < max) return;
  const words = there.map(
    ({ key, preview }) =>
      `${key.environment} (expires in ${formatDuration(Math.max(0, (preview?.endsAt ?? 0) - clock.now()))})`,
  );
  throw new Fault("preview.too-many", `${app} has ${there.length} of at most ${max} previews: ${words.join(", ")}`);
}

/** The values set for the base, except generated ones, which are generated again. */
async function valuesFor(deps: Deps, base: Environment, { spec }: LoadedManifest): Promise<ValuesToSet> {
  const isMade = (name: string) => isGenerated(spec, name) || base.variables[name]?.by === maker;
  const given = Object.entries(await givenValues(deps, base)).filter(([name]) => !isMade(name));
  return Object.fromEntries(given.map(([name, { text }]) => [name, text]));
}

/** Ends a preview now, as when it expires. Idempotent. Fault: `preview.unknown`. */
export async function removePreview(call: Call, key: EnvKey): Promise<void> {
  const { actor } = call;
  const { engine, journal, clock } = call.deps;
  await engine.exclusively(key, async () => {
    const preview = (await journal.environments.find(key))?.preview;
    if (!preview || preview.from === null) throw new Fault("preview.unknown", `${keyText(key)} is not a preview`);
    const at = clock.now();
    if (preview.endedAt !== null || preview.endsAt <= at) return;
    await journal.commit([
      { kind: "preview", key, preview: { ...preview, endsAt: at } },
      { kind: "event", event: configured(key, at, { kind: "preview.removed", detail: `removed by ${actor.name}` }) },
      audited(call, { action: "preview.remove", key }),
    ]);
  });
}
