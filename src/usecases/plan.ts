import type { Finding } from "../check/run.ts";
import type { Environment, EnvKey } from "../model/environment.ts";
import type { Release } from "../model/release.ts";
import { composeRelease, type Draft, draftOf, refuseTakenHosts } from "./compose.ts";
import { type Difference, differences, summaryOf } from "./diff.ts";
import { withGenerated } from "./generate.ts";
import { authorise, type Call, environmentFor, stagedRelease } from "./ground.ts";
import { refuseOthers } from "./guard.ts";
import { promotionOf } from "./promote.ts";
import { type Judged, readinessOf } from "./readiness.ts";
import { givenValues } from "./values.ts";

export interface Outlook {
  readonly changes: readonly Difference[];
  readonly warnings: readonly string[];
  readonly summary: string;
}

/** A source, what is staged, or the environment whose release is promoted. */
export type Planned = { readonly source: string } | { readonly staged: true } | { readonly from: string };

/**
 * What deploying it would change, compared with what serves; nothing is done. It is judged with the values that are set, so
 * who may not see them gets no answer by which to guess them. Faults: those of a deployment.
 */
export async function planDeployment(call: Call, key: EnvKey, of: Planned): Promise<Outlook> {
  authorise(call, "read");
  await refuseOthers(call, key);
  const environment = await environmentFor(call.deps, key);
  return (await prospect(call, environment, await draftToPlan(call, environment, of))).outlook;
}

async function draftToPlan(call: Call, environment: Environment, of: Planned): Promise<Draft> {
  if ("from" in of) return (await promotionOf(call, environment, of.from)).draft;
  const { source } = "source" in of ? of : await stagedRelease(call.deps, environment);
  return draftOf(call.deps, environment, source);
}

/** A release as it would be, and what it would change. Faults: those of `composeRelease` and `refuseTakenHosts`. */
export async function prospect(
  call: Call,
  environment: Environment,
  draft: Draft,
): Promise<{ readonly judged: Judged; readonly outlook: Outlook }> {
  const createdBy = authorise(call, "read").name;
  const { deps } = call;
  const { key, serving } = environment;
  const number = (await deps.journal.lastReleaseNumber(key)) + 1;
  // What the deployment would make once and keep; here it only stands in, so that rules about the value can be checked.
  const set = { given: await givenValues(deps, environment), change: null };
  const { given } = await withGenerated(deps, { environment, spec: draft.spec }, set);
  const release = composeRelease(deps, { key, draft, number, given, createdBy, message: null, branch: null });
  await refuseTakenHosts(deps, release);
  const before = serving && (await deps.journal.release(key, serving.release));
  const scaled = (one: Release) => withScale(one, environment);
  const changes = differences(before && scaled(before), scaled(release));
  const judged = { draft, release, given };
  const warnings = [
    ...draft.warnings.map(({ path, message }) => `${path}: ${message}`),
    ...(await readinessOf(deps, judged)).filter(({ severity }) => severity !== "note").map(warningOf),
  ];
  return { judged, outlook: { changes, warnings, summary: summaryOf(changes, before) } };
}

function warningOf({ path, message, rule, severity }: Finding): string {
  return `${path} ${message} [${rule}]${severity === "error" ? ": a deployment is refused" : ""}`;
}

/** A release with as many instances as it has, or would have: what `scale` set wins over the manifest. */
function withScale(release: Release, { scale }: Environment): Release {
  const services = release.services.map((service) => {
    const replicas = service.single ? 1 : (scale[service.name] ?? service.replicas);
    return { ...service, replicas };
  });
  return { ...release, services };
}
