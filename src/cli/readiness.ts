import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { Fault } from "../base/faults.ts";
import { check, diagnosticOf, type Finding } from "../check/run.ts";
import type { SourceFile } from "../check/subject.ts";
import { manifestValues } from "../check/values.ts";
import { readManifest } from "../manifest/read.ts";
import { type Manifest, manifestName, readManifestText } from "./place.ts";
import { projectManifest } from "./project.ts";
import { filesBelow } from "./source.ts";
import type { World } from "./world.ts";

/** Limits of the search: hand-written text, and only as much as is quick to read. */
const limits = { fileBytes: 256 * 1024, bytes: 16 * 1024 * 1024 } as const;
const written =
  /\.(?:[cm]?[jt]sx?|py|rb|php|go|java|kt|rs|cs|sh|sql|ya?ml|toml|ini|cfg|conf|json|env|example|properties|tf|vue|svelte|html)$|(?:^|\/)(?:Dockerfile|Containerfile|Procfile|Makefile|Pipfile)[^/]*$|(?:^|\/)requirements[^/]*\.txt$/i;
/** Generated files that are full of digests. */
const generated = /(?:^|\/)(?:package-lock\.json|[^/]*\.lock|pnpm-lock\.yaml|[^/]*\.min\.js|[^/]*\.map)$/;

/** The text files of a source for the rules. */
export function writtenFiles({ directory, file }: Manifest): readonly SourceFile[] {
  const files: SourceFile[] = [];
  let bytes = 0;
  for (const found of filesBelow(directory)) {
    const full = path.join(directory, found);
    if (!written.test(found) || generated.test(found) || full === file) continue;
    const { size } = statSync(full);
    if (size > limits.fileBytes || bytes + size > limits.bytes) continue;
    const content = readFileSync(full);
    if (content.includes(0)) continue;
    bytes += size;
    files.push({ path: found, text: content.toString("utf8") });
  }
  return files;
}

export interface Checking {
  readonly text: string;
  /** Name of the manifest's file in findings. */
  readonly file: string;
  readonly environment: string;
  readonly files: readonly SourceFile[];
  /** It is for a preview; see `readManifest`. */
  readonly preview?: { readonly from: string | null } | null;
}

/** Findings without a controller; none if the manifest has errors. */
export function findingsOf({ text, file, environment, files, preview = null }: Checking): readonly Finding[] {
  const reading = readManifest(text, { file, environment, preview });
  if (!reading.ok) return [];
  const { spec, placeOf } = reading;
  return check({ environment: spec.from ?? environment, spec, values: manifestValues(spec), files, placeOf }, file);
}

/**
 * Checks the source before the upload: the controller itself checks manifest, values and Dockerfile. Fault:
 * `check.failed` with every error in a file of the source.
 */
export function refuseUnreadySource(
  world: World,
  directory: string | undefined,
  { allowed, preview = null }: Pick<Checking, "preview"> & { readonly allowed: readonly string[] },
): void {
  const manifest = projectManifest(world, directory);
  const environment = world.globals.environment ?? "production";
  const text = readManifestText(manifest);
  const found = findingsOf({ text, file: manifestName, environment, files: writtenFiles(manifest), preview });
  const refused = found.filter(
    ({ severity, rule, file }) => severity === "error" && file !== manifestName && !allowed.includes(rule),
  );
  const [first] = refused;
  if (!first) return;
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : "";
  const detail = `${first.file}:${first.line} ${first.message}${more}; nothing was uploaded`;
  throw new Fault("check.failed", detail, { diagnostics: refused.map(diagnosticOf) });
}
