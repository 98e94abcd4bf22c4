import type { Environment, EnvKey } from "../model/environment.ts";
import type { Release } from "../model/release.ts";
import { composeRelease, draftOf, refuseTakenHosts } from "./compose.ts";
import { type Difference, differences, summaryOf } from "./diff.ts";
import { withGenerated } from "./generate.ts";
import { authorise, type Call, environmentFor } from "./ground.ts";
import { promotionOf } from "./promote.ts";
import { readinessOf } from "./readiness.ts";
import { givenValues } from "./values.ts";

export interface Outlook {
  readonly changes: readonly Difference[];
  readonly warnings: readonly string[];
  readonly summary: string;
}

/** A source, or the environment whose release is promoted. */
export type Planned = { readonly source: string } | { readonly from: string };

/** What deploying a source or promoting an environment would change, compared with what serves; nothing is done. Faults: those of a deployment. */
export async function planDeployment(call: Call, key: EnvKey, of: Planned): Promise<Outlook> {
  const createdBy = authorise(call, "read").name;
  const { deps } = call;
  const { journal } = deps;
  const environment = await environmentFor(deps, key);
  const draft =
    "source" in of
      ? await draftOf(deps, environment, of.source)
      : (await promotionOf(call, environment, of.from)).draft;
  const number = (await journal.lastReleaseNumber(key)) + 1;
  // What the deployment would make once and keep; here it only stands in, so that rules about the value can be checked.
  const set = { given: await givenValues(deps, environment), change: null };
  const { given } = await withGenerated(deps, { environment, spec: draft.spec }, set);
  const release = composeRelease(deps, { key, draft, number, given, createdBy, message: null, branch: null });
  await refuseTakenHosts(deps, release);
  const serving = environment.serving && (await journal.release(key, environment.serving.release));
  const scaled = (one: Release) => withScale(one, environment);
  const changes = differences(serving && scaled(serving), scaled(release));
  const found = await readinessOf(deps, { draft, release, given });
  const warnings = [
    ...draft.warnings.map(({ path, message }) => `${path}: ${message}`),
    ...found
      .filter(({ severity }) => severity !== "note")
      .map(
        ({ path, message, rule, severity }) =>
          `${path} ${message} [${rule}]${severity === "error" ? ": a deployment is refused" : ""}`,
      ),
  ];
  return { changes, warnings, summary: summaryOf(changes, serving) };
}

/** A release with as many instances as it has, or would have: what `scale` set wins over the manifest. */
function withScale(release: Release, { scale }: Environment): Release {
  const services = release.services.map((service) => {
    const replicas = service.single ? 1 : (scale[service.name] ?? service.replicas);
    return { ...service, replicas };
  });
  return { ...release, services };
}
