import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import path from "node:path";
import { Fault } from "../base/faults.ts";
import { decodeText } from "../base/text.ts";
import { toldBeforeUpload } from "../check/rules.ts";
import { check, diagnosticOf, type Finding } from "../check/run.ts";
import type { LeftOutFile, SourceFile } from "../check/subject.ts";
import { manifestValues } from "../check/values.ts";
import { formatDiagnostic } from "../manifest/diagnostic.ts";
import { readManifest } from "../manifest/read.ts";
import { leftOutLines, namedLine } from "./ignored.ts";
import { type Manifest, manifestName, readManifestText } from "./place.ts";
import { projectManifest } from "./project.ts";
import { filesBelow } from "./source.ts";
import type { World } from "./world.ts";

/** Limits of the search: hand-written text, and only as much as is quick to read. */
const limits = { fileBytes: 256 * 1024, bytes: 64 * 1024 * 1024 } as const;
/** Generated files that are full of digests. */
const generated = /(?:^|\/)(?:package-lock\.json|[^/]*\.lock|pnpm-lock\.yaml|[^/]*\.min\.js|[^/]*\.map)$/;

/** A source as the rules see it. */
export interface WrittenSource {
  readonly files: readonly SourceFile[];
  readonly leftOut: readonly LeftOutFile[];
  readonly databases: readonly string[];
  /** Lines for people: what is left out of the source, and what no rule has searched. */
  readonly notes: readonly string[];
}

type Unsearched = "generated" | "larger than 256 KB" | "after the first 64 MB of text" | "not text";

/** The text files of a source for the rules, and what is not among them. */
export function writtenSource({ directory, file }: Manifest): WrittenSource {
  const { paths, leftOut } = filesBelow(directory);
  const files: SourceFile[] = [];
  const unsearched: { readonly path: string; readonly why: Unsearched }[] = [];
  let bytes = 0;
  for (const at of paths) {
    const full = path.join(directory, at);
    if (full === file) continue;
    const read = textOf(full, limits.bytes - bytes);
    if (typeof read === "string") unsearched.push({ path: at, why: read });
    else {
      bytes += read.text.length;
      files.push({ path: at, ...read });
    }
  }
  const reasons = [...new Set(unsearched.map(({ why }) => why))].sort();
  const notes = reasons.map((reason) =>
    namedLine(
      `not searched, ${reason}`,
      unsearched.filter(({ why }) => why === reason),
    ),
  );
  const withTexts = leftOut.map((one) => ({ ...one, text: variablesIn(path.join(directory, one.path)) }));
  const databases = paths.filter((at) => /\.(?:db3?|sqlite3?)$/i.test(at) && isDatabase(path.join(directory, at)));
  return { files, leftOut: withTexts, databases, notes: [...leftOutLines(leftOut), ...notes] };
}

function textOf(file: string, room: number): Omit<SourceFile, "path"> | Unsearched {
  const { size, mode } = statSync(file);
  if (generated.test(file)) return "generated";
  if (size > limits.fileBytes) return "larger than 256 KB";
  if (size > room) return "after the first 64 MB of text";
  const text = decodeText(readFileSync(file));
  return text === null ? "not text" : { text, isExecutable: (mode & 0o111) !== 0 };
}

/** The header of a SQLite file (sqlite.org/fileformat2.html). */
function isDatabase(file: string): boolean {
  const handle = openSync(file, "r");
  try {
    const header = Buffer.alloc(16);
    readSync(handle, header);
    return header.toString("latin1") === "SQLite format 3\0";
  } finally {
    closeSync(handle);
  }
}

/** The text of a file of variables that is left out, for its names. */
function variablesIn(file: string): string | null {
  if (!/^\.env(?:\.|$)/.test(path.basename(file))) return null;
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() && stat.size <= limits.fileBytes ? decodeText(readFileSync(file)) : null;
}

export interface Checking {
  readonly text: string;
  /** Name of the manifest's file in findings. */
  readonly file: string;
  readonly environment: string;
  readonly source: Omit<WrittenSource, "notes">;
  /** It is for a preview; see `readManifest`. */
  readonly preview?: { readonly from: string | null } | null;
}

/** Findings without a controller; none if the manifest has errors. */
export function findingsOf({ text, file, environment, source, preview = null }: Checking): readonly Finding[] {
  const reading = readManifest(text, { file, environment, preview });
  if (!reading.ok) return [];
  const { spec, placeOf } = reading;
  const subject = { environment: spec.from ?? environment, spec, values: manifestValues(spec), ...source, placeOf };
  return check(subject, file);
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
  const source = writtenSource(manifest);
  const found = findingsOf({ text, file: manifestName, environment, source, preview });
  for (const note of source.notes) if (note.startsWith("left out")) world.say(world.paint.dim(note));
  for (const one of found.filter(
    ({ severity, rule }) => severity === "warning" && toldBeforeUpload.some(({ id }) => id === rule),
  )) {
    world.say(`${world.paint.yellow("warning:")} ${formatDiagnostic(diagnosticOf(one))}`);
  }
  const refused = found.filter(
    ({ severity, rule, file }) => severity === "error" && file !== manifestName && !allowed.includes(rule),
  );
  const [first] = refused;
  if (!first) return;
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : "";
  const detail = `${first.file}:${first.line} ${first.message}${more}; nothing was uploaded`;
  throw new Fault("check.failed", detail, { diagnostics: refused.map(diagnosticOf) });
}
