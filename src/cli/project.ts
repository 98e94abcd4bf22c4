import path from "node:path";
import { type Diagnostic, Fault } from "../base/faults.ts";
import { formatSize } from "../base/size.ts";
import type { Client } from "../client/client.ts";
import type { EnvKey } from "../model/environment.ts";
import type { SourceCommit } from "../model/release.ts";
import { branchOf, commitOf } from "./branch.ts";
import { appName, findManifest, type Manifest, noManifest, readManifestText } from "./place.ts";
import { uploadSource } from "./source.ts";
import { shownUpload } from "./upload.ts";
import type { World } from "./world.ts";

/** The manifest of the project here. Faults: `manifest.missing`. */
export function projectManifest(world: World, directory?: string): Manifest {
  const manifest = findManifest({ cwd: world.host.cwd, globals: world.globals }, directory);
  if (manifest === null) throw noManifest("here or in a parent directory");
  return manifest;
}

/** A source on the controller, for requests. */
interface Sourced {
  readonly source: string;
  readonly branch?: string;
  readonly commit?: SourceCommit;
}

/**
 * The project's source on the controller, with its app and environment. `branch`: its branch, if that is not the
 * checked-out one. Faults: `manifest.missing`, `manifest.invalid`, `usage.invalid` if -a and the manifest name
 * different apps.
 */
export async function sourceAndKey(
  world: World,
  directory?: string,
  branch?: string,
): Promise<{ readonly api: Client; readonly key: EnvKey; readonly sourced: Sourced }> {
  const manifest = projectManifest(world, directory);
  const environment = world.globals.environment ?? "production";
  const key = { app: await appOf(world, manifest, environment), environment };
  const api = world.api({ directory });
  const source = await uploadSource(api, manifest, (tar, bytes) => shownUpload(world, tar, bytes));
  if (world.context.verbose) {
    world.say(world.paint.dim(`source: ${source.entries.length} files, ${formatSize(source.bytes)}, ${source.digest}`));
  }
  const at = path.dirname(manifest.file);
  const from = branch ?? branchOf(at);
  const commit = commitOf(at);
  if (commit?.dirty) await warnOfChanges(world, readManifestText(manifest), environment);
  return {
    api,
    key,
    sourced: { source: source.digest, ...(from !== null && { branch: from }), ...(commit && { commit }) },
  };
}

/** What a protected environment serves should be found again in Git. */
async function warnOfChanges(world: World, text: string, environment: string): Promise<void> {
  const { readManifest } = await import("../manifest/read.ts");
  const reading = readManifest(text, { file: "fairlead.yml", environment });
  if (!reading.ok || reading.spec.protection === null) return;
  const words = `the directory has changes that are not committed, and ${environment} is protected`;
  world.say(`${world.paint.yellow("warning:")} ${words}: the release records that it differs from its commit`);
}

/** The app of this source. A manifest without a name is read completely, so that all errors are reported at once. */
async function appOf({ globals }: World, manifest: Manifest, environment: string): Promise<string> {
  const text = readManifestText(manifest);
  const named = appName(text) ?? (await readApp(text, environment));
  if (globals.app !== undefined && globals.app !== named) {
    throw new Fault("usage.invalid", `${manifest.file} is for the app ${named}, but -a is ${globals.app}`, {
      hint: "Omit -a, or go to the directory of that app.",
    });
  }
  return named;
}

async function readApp(text: string, environment: string): Promise<string> {
  const { readManifest } = await import("../manifest/read.ts");
  const reading = readManifest(text, { file: "fairlead.yml", environment });
  if (reading.ok) return reading.spec.app;
  throw new Fault("manifest.invalid", counted(reading.diagnostics), { diagnostics: reading.diagnostics });
}

function counted({ length }: readonly Diagnostic[]): string {
  return length === 1 ? "the manifest has an error" : `the manifest has ${length} errors`;
}
