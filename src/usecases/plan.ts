import { pathAndMessage } from "../base/text.ts";
import type { Finding } from "../check/run.ts";
import type { Environment, EnvKey } from "../model/environment.ts";
import { type Release, replicasOf } from "../model/release.ts";
import { type Call, environmentFor, stagedRelease } from "./access.ts";
import { composeRelease, type LoadedManifest, loadedManifestOf, refuseTakenHosts } from "./compose.ts";
import { type Difference, differences, summaryOf } from "./diff.ts";
import { withGenerated } from "./generate.ts";
import { refuseOthers } from "./guard.ts";
import { promotionOf } from "./promote.ts";
import { type JudgedRelease, readinessOf } from "./readiness.ts";
import { givenValues } from "./values.ts";

export interface PlanPreview {
  readonly changes: readonly Difference[];
  readonly warnings: readonly string[];
  readonly summary: string;
}

/** A source, the staged code, or the environment whose release is promoted. */
export type PlanTarget = { readonly source: string } | { readonly staged: true } | { readonly from: string };

/**
 * What deploying it would change, compared with what serves; nothing is changed. It uses the set values, so it is
 * refused to those who may not read them. Faults: those of a deployment.
 */
export async function planDeployment(call: Call, key: EnvKey, of: PlanTarget): Promise<PlanPreview> {
  await refuseOthers(call, key);
  const environment = await environmentFor(call.deps, key);
  return (await previewRelease(call, environment, await manifestToPlan(call, environment, of))).preview;
}

async function manifestToPlan(call: Call, environment: Environment, of: PlanTarget): Promise<LoadedManifest> {
  if ("from" in of) return (await promotionOf(call, environment, of.from)).loaded;
  const { source } = "source" in of ? of : await stagedRelease(call.deps, environment);
  return loadedManifestOf(call.deps, environment, source);
}

/** A release as it would be, and what it would change. Faults: those of `composeRelease` and `refuseTakenHosts`. */
export async function previewRelease(
  call: Call,
  environment: Environment,
  loaded: LoadedManifest,
): Promise<{ readonly judged: JudgedRelease; readonly preview: PlanPreview }> {
  const createdBy = call.actor.name;
  const { deps } = call;
  const { key, serving } = environment;
  const number = (await deps.journal.releases.lastNumber(key)) + 1;
  // The deployment would generate and store this value; here it is a placeholder, so that its rules can be checked.
  const set = { given: await givenValues(deps, environment), change: null };
  const { given } = await withGenerated(deps, { environment, spec: loaded.spec }, set);
  const release = composeRelease(deps, {
    key,
    loaded,
    number,
    given,
    createdBy,
    message: null,
    branch: null,
    commit: null,
  });
  await refuseTakenHosts(deps, release);
  const before = serving && (await deps.journal.releases.find(key, serving.release));
  const scaled = (one: Release) => withScale(one, environment);
  const changes = differences(before && scaled(before), scaled(release));
  const judged = { loaded, release, given };
  const warnings = [
    ...loaded.warnings.map(pathAndMessage),
    ...(await readinessOf(deps, judged)).filter(({ severity }) => severity !== "note").map(warningOf),
  ];
  return { judged, preview: { changes, warnings, summary: summaryOf(changes, before) } };
}

function warningOf({ path, message, rule, severity }: Finding): string {
  return `${path} ${message} [${rule}]${severity === "error" ? ": a deployment is refused" : ""}`;
}

/** A release with its actual number of instances: `scale` overrides the manifest. */
function withScale(release: Release, { scale }: Environment): Release {
  const services = release.services.map((service) => ({ ...service, replicas: replicasOf(service, scale) }));
  return { ...release, services };
}
