import { type Diagnostic, Fault } from "../base/faults.ts";
import { decodeText, pathAndMessage } from "../base/text.ts";
import type { WrittenOrigin } from "../manifest/origin.ts";
import { type PlaceOf, readManifest } from "../manifest/read.ts";
import { passwordNames, resolveVariables, undeclaredVariables } from "../manifest/resolve.ts";
import type { AppSpec, ServiceTemplate } from "../model/app.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import {
  type Env,
  type HttpSpec,
  type ownVariables,
  type Release,
  releaseName,
  type ServiceSpec,
  type SourceCommit,
} from "../model/release.ts";
import { refusedName } from "../model/variables.ts";
import type { Deps } from "./access.ts";
import { artifactOf, outputsOf } from "./artifact.ts";
import { type Pages, readPages } from "./pages.ts";
import type { GivenValues } from "./values.ts";

/** The manifest's place in a source. */
export const manifestFile = "fairlead.yml";

/** A manifest read for one environment, with its text and its source. */
export interface LoadedManifest {
  readonly spec: AppSpec;
  readonly text: string;
  readonly source: string;
  readonly warnings: readonly Diagnostic[];
  readonly pages: Pages;
  readonly placeOf: PlaceOf;
  /** What the manifest says of a variable. */
  readonly originsOf: (name: string) => readonly WrittenOrigin[];
}

/** The environment that a manifest is read for; an `Environment` is one. */
export interface ManifestPlace {
  readonly key: EnvKey;
  /** For a preview: whose configuration it has; null: as the manifest says. */
  readonly preview: { readonly from: string | null } | null;
}

/** Reads the manifest out of an uploaded source. Faults: `source.missing`, `manifest.missing`, `manifest.invalid`, `request.invalid`. */
export async function loadedManifestOf(
  { builder }: Deps,
  place: ManifestPlace,
  source: string,
): Promise<LoadedManifest> {
  if (!(await builder.hasSource(source))) throw new Fault("source.missing", `source ${source} was not uploaded`);
  const bytes = await builder.readSource(source, manifestFile);
  if (!bytes) throw new Fault("manifest.missing", `the source has no ${manifestFile}`);
  const text = decodeText(bytes);
  if (text === null) throw manifestFault([{ path: "", file: manifestFile, message: "this is not a text file" }]);
  const loaded = loadManifest(place, source, text);
  const { pages, diagnostics } = await readPages(builder, loaded);
  if (diagnostics.length > 0) throw manifestFault(placed(loaded, diagnostics));
  return { ...loaded, pages };
}

/** Reads a manifest's text for one environment, without its pages. Faults: `manifest.invalid`; `request.invalid` when it is another app's. */
export function loadManifest({ key, preview }: ManifestPlace, source: string, text: string): LoadedManifest {
  const read = readManifest(text, { file: manifestFile, environment: key.environment, preview });
  if (!read.ok) throw manifestFault(read.diagnostics);
  if (read.spec.app !== key.app) {
    const message = `the manifest is of app ${read.spec.app}, the request is for ${key.app}`;
    throw new Fault("request.invalid", message, { diagnostics: [{ path: "app", message, file: manifestFile }] });
  }
  const { spec, warnings, placeOf, originsOf } = read;
  return { spec, text, source, warnings, placeOf, originsOf, pages: {} };
}

/** Diagnostics with the places of what they are about. What several services have from one place is reported once. */
function placed({ placeOf }: LoadedManifest, diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const all = diagnostics.map((one) => ({ ...one, file: manifestFile, ...placeOf(...one.path.split(".")) }));
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}

function manifestFault(diagnostics: readonly Diagnostic[], hint?: string): Fault {
  const first = diagnostics[0];
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
  return new Fault("manifest.invalid", `${first ? pathAndMessage(first) : "it cannot be read"}${more}`, {
    diagnostics,
    ...(hint !== undefined && { hint }),
  });
}

export interface Composition {
  readonly key: EnvKey;
  readonly loaded: LoadedManifest;
  readonly number: number;
  /** What is set for the environment, or will be with this release. */
  readonly given: GivenValues;
  readonly createdBy: string;
  readonly message: string | null;
  /** The Git branch of the source, where it is known. */
  readonly branch: string | null;
  readonly commit: SourceCommit | null;
}

/** Composes the immutable release. Faults: `manifest.invalid` with every variable that has no good value. */
export function composeRelease(deps: Deps, composition: Composition): Release {
  const { key, loaded, number, createdBy, message, branch, commit } = composition;
  const diagnostics: Diagnostic[] = [];
  const artifact = artifactOf(deps, { ...loaded, given: composition.given }, diagnostics);
  const unrunnable = judgeRunnable(deps, loaded);
  const services = loaded.spec.services.map((template): ServiceSpec => {
    const { variables: _variables, ...rest } = template;
    const env = environmentOf(deps, composition, { template, diagnostics });
    return { ...rest, artifact: artifact.digest, env, http: httpOf(deps, key, { template, pages: loaded.pages }) };
  });
  if (unrunnable.length > 0) throw manifestFault(placed(loaded, [...unrunnable, ...diagnostics]));
  if (diagnostics.length > 0) throw manifestFault(placed(loaded, diagnostics), hintFor(loaded.spec));
  const createdAt = deps.clock.now();
  const { source, text: manifest } = loaded;
  const deploy = loaded.spec.deploy;
  const secrets = secretNames(loaded.spec, composition.given);
  return {
    key,
    number,
    createdAt,
    createdBy,
    message,
    source,
    artifacts: [artifact],
    services,
    deploy,
    secrets,
    allowed: [],
    branch,
    commit,
    protection: loaded.spec.protection,
    manifest,
  };
}

/** How to set variables; for a preview, where its values come from. */
function hintFor({ from }: AppSpec): string {
  return from === null
    ? "Set every variable listed above to an allowed value, with `fairlead env set` or in fairlead.yml."
    : `A preview starts with the values of ${from}: \`fairlead env set NAME -e ${from}\`.`;
}

/** Variables declared as secret, and set ones without a declaration. */
function secretNames(spec: AppSpec, given: GivenValues): readonly string[] {
  const declared = [...spec.services.map(({ variables }) => variables), spec.buildVariables];
  const secret = declared.flatMap((all) => Object.keys(all).filter((name) => all[name]?.secret));
  return [...new Set([...secret, ...passwordNames(spec), ...Object.keys(undeclaredVariables(spec, given))])].sort();
}

function httpOf(
  { runtime }: Deps,
  key: EnvKey,
  { template: { name, http }, pages }: { template: ServiceTemplate; pages: Pages },
): HttpSpec | null {
  if (http === null) return null;
  const { pageFiles: _files, ...rest } = http;
  const hosts = http.internal ? [runtime.innerHost(key, name)] : http.hosts;
  return { ...rest, hosts, pages: pages[name] ?? {} };
}

/** Refuses what only images support if artifacts are directories, before anything is built. */
function judgeRunnable({ builder }: Deps, { spec }: LoadedManifest): readonly Diagnostic[] {
  if (builder.makes === "images") return [];
  const diagnostics: Diagnostic[] = [];
  const report = (path: string, message: string) => diagnostics.push({ path, message });
  if (spec.build.image !== null) {
    report("build.image", "plain processes cannot run an image – start the controller with --runtime docker");
  }
  for (const { name, command } of spec.services) {
    if (command !== null) continue;
    report(`services.${name}.run`, "is missing – plain processes have no image that defines the command; write it");
  }
  return diagnostics;
}

/** What a service's processes get: its variables, and which release of which environment they are. */
function environmentOf(
  deps: Deps,
  { loaded, number, given, key }: Composition,
  { template, diagnostics }: { template: ServiceTemplate; diagnostics: Diagnostic[] },
): Env {
  const resolved = resolveVariables(template, { given, outputs: outputsOf(deps, loaded.spec) });
  if (!resolved.ok) {
    diagnostics.push(...resolved.diagnostics);
    return {};
  }
  const own: Record<(typeof ownVariables)[number], string> = {
    RELEASE: releaseName(number),
    FAIRLEAD_ENVIRONMENT: key.environment,
  };
  // Set by a previous version, or for services without `http`: the platform's own would hide it.
  const undeclared = Object.entries(undeclaredVariables(loaded.spec, given)).filter(
    ([name]) => refusedName(name, template.http !== null) === null,
  );
  return { ...Object.fromEntries(undeclared), ...resolved.values, ...own };
}

/**
 * Refuses hosts that another environment serves (`route.host-taken`) before anything is built. The edge decides: it
 * refuses a table with a host of somebody else.
 */
export async function refuseTakenHosts({ journal }: Deps, release: Release): Promise<void> {
  const wanted = new Set(release.services.flatMap((service) => service.http?.hosts ?? []));
  if (wanted.size === 0) return;
  for (const { key, serving } of await journal.environments.all()) {
    if (!serving || keyText(key) === keyText(release.key)) continue;
    const other = await journal.releases.find(key, serving.release);
    const taken = other?.services.flatMap((service) => service.http?.hosts ?? []).find((host) => wanted.has(host));
    if (taken !== undefined) throw new Fault("route.host-taken", `${taken} is served by ${keyText(key)}`);
  }
}
