import { type Diagnostic, Fault } from "../base/faults.ts";
import { type Environment, keyText } from "../model/environment.ts";
import { type Release, releaseName, type SourceCommit } from "../model/release.ts";
import { type Call, environmentOf } from "./access.ts";
import { artifactOf } from "./artifact.ts";
import { type LoadedManifest, loadedManifestOf, loadManifest, manifestFile } from "./compose.ts";
import { pagesOf } from "./pages.ts";
import { givenValues } from "./values.ts";

/** The code of one environment, read with the manifest for another. */
export interface Promotion {
  readonly loaded: LoadedManifest;
  readonly message: string;
  readonly branch: string | null;
  readonly commit: SourceCommit | null;
}

/**
 * What `from` serves, as a draft for `environment`: the same source and artifacts, and everything else from the
 * manifest for it. Nothing is built. Faults: `app.unknown`, `release.none-before` when `from` serves nothing,
 * `release.incomplete`, `promote.other-build` when the manifest has `environment` build something else.
 */
export async function promotionOf(call: Call, environment: Environment, from: string): Promise<Promotion> {
  const { key } = environment;
  const { journal, builder } = call.deps;
  const source = { app: key.app, environment: from };
  const { serving } = await environmentOf(call, source);
  const release = serving && (await journal.releases.find(source, serving.release));
  const hint = `Deploy to it first, with \`fairlead deploy -e ${from}\`.`;
  if (!release) throw new Fault("release.none-before", `${keyText(source)} serves nothing to promote`, { hint });
  await refuseIncomplete(call, release);
  const loaded = (await builder.hasSource(release.source))
    ? await loadedManifestOf(call.deps, environment, release.source)
    : { ...loadManifest(environment, release.source, release.manifest), pages: pagesOf(release) };
  const given = await givenValues(call.deps, environment);
  const diagnostics: Diagnostic[] = [];
  const wanted = artifactOf(call.deps, { ...loaded, given }, diagnostics).digest;
  // What is missing for the build is reported with all the rest when the release is composed.
  if (diagnostics.length === 0 && !release.artifacts.some(({ digest }) => digest === wanted)) {
    const detail = `with ${manifestFile} and the values for builds, ${key.environment} builds something other than ${from}: no artifact of ${from} could be used`;
    throw new Fault("promote.other-build", detail);
  }
  const message = `promoted from ${from} ${releaseName(release.number)}`;
  return { loaded, message, branch: release.branch, commit: release.commit };
}

/** Refuses a release with missing artifacts that cannot be made again. Fault: `release.incomplete`. */
export async function refuseIncomplete({ deps }: Call, release: Release): Promise<void> {
  for (const { digest, source, image } of release.artifacts) {
    if ((await deps.builder.observe(digest)).state === "built") continue;
    if (image !== null || (await deps.builder.hasSource(source))) continue;
    const detail = `artifact ${digest} of ${releaseName(release.number)} is missing, and so is its source ${source}`;
    throw new Fault("release.incomplete", detail);
  }
}
