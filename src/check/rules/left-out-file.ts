import { posix } from "node:path";
import { dockerfilesOf, instructionsOf } from "../dockerfile.ts";
import { FileLines } from "../lines.ts";
import { bundled } from "../secret-formats.ts";
import { startCommands } from "../started.ts";
import {
  isExampleFile,
  type LeftOutFile,
  type Rule,
  type RuleFinding,
  type SourceFile,
  type Subject,
} from "../subject.ts";

/** Files whose names in code are no sign that they must exist: code writes them, or works without them. */
const optional = /(?:^|\/)\.env[^/]*$|\.(?:log|pid|tmp|lock|sqlite3?|db)$/i;
/** Results of builds, tests and runs, by the names that common tools give them. */
const made =
  /(?:^|\/)(?:dist|build|out|target|public|static\w*|generated|gen|lib|media|uploads?|storage|coverage|logs?|tmp|temp|cache|node_modules|venv|__pycache__|\.[^/]+)\/$/i;
/** What a shell of the author has, on a machine for development, and not what production gets. */
const forProduction = /(?:^|\/)\.env(?:\.production(?:\.local)?|\.prod)?$/;
const code = /\.(?:[cm]?[jt]sx?|py|rb|php|go|java|rs|json|toml|cfg|ya?ml)$/i;

/** Files that are read where the app is built or runs, and are not there (X126, R046). */
export const leftOutFile: Rule = {
  id: "left-out-file",
  title: "What the app needs is part of its source",
  why: "What ignore files name, and files of variables, are not uploaded: a build or an instance that reads them fails or works without them.",
  fix: "take it out of the ignore file that names it; for a file of variables, declare them under `env`, and set them with `fairlead env import FILE`",
  severity: () => "warning",
  look: (subject) => [...copied(subject), ...named(subject), ...variables(subject)],
};

/** Imports of JavaScript omit it. */
const importEnding = /\.(?:[cm]?[jt]sx?|json)$/;

/** What covers a path: itself, or a directory above it. */
function coverOf(leftOut: readonly LeftOutFile[], at: string): LeftOutFile | undefined {
  return leftOut.find(
    ({ path }) =>
      path === at ||
      path === `${at}/` ||
      path.replace(importEnding, "") === at ||
      (path.endsWith("/") && at.startsWith(path)),
  );
}

/** COPY and ADD of a Dockerfile. */
function copied(subject: Subject): readonly RuleFinding[] {
  const { context } = subject.spec.build;
  return dockerfilesOf(subject).flatMap((file) =>
    instructionsOf(file).flatMap(({ word, rest, line }) => {
      if ((word !== "COPY" && word !== "ADD") || /--from=|<</.test(rest)) return [];
      const words = rest.replaceAll(/[[\]",]/g, " ").split(/\s+/);
      const sources = words.filter((one) => one !== "" && !one.startsWith("--")).slice(0, -1);
      return sources.flatMap((one) => {
        const cover = coverOf(subject.leftOut, posix.normalize(posix.join(context, one)).replace(/^\/|\/$/g, ""));
        return cover ? [finding({ file: file.path, line }, `copies ${one}`, cover)] : [];
      });
    }),
  );
}

function finding(at: { file: string; line: number }, what: string, cover: LeftOutFile): RuleFinding {
  return { at, message: `${what}, which is left out of the source (${cover.why})`, fix: fixOf(cover) };
}

const importVariables =
  "declare the variables under `env`, with `scope: build` for a build, and set them with `fairlead env import FILE`";

/** Only what an ignore file names can be taken out of it. */
function fixOf({ path, why }: LeftOutFile): string {
  const [, ignoreFile] = /^by (\.\w+)/.exec(why) ?? [];
  if (ignoreFile !== undefined) return `take it out of ${ignoreFile}`;
  if (/(?:^|\/)\.env[^/]*$/.test(path)) return importVariables;
  if (/(?:^|\/)node_modules\/$/.test(path)) return "install packages in the build";
  if (why === "never part of a source") return "do without it: Git's history and Fairlead's state are never uploaded";
  return "replace it by a file whose name is UTF-8";
}

/** Paths in code, as texts of their own, relative to the file or to the app. */
function named({ leftOut, files }: Subject): readonly RuleFinding[] {
  const candidates = leftOut.filter(({ path }) => !optional.test(path) && !made.test(path));
  if (candidates.length === 0) return [];
  return files
    .filter(({ path }) => code.test(path) && !isExampleFile(path))
    .flatMap((file) => [...namedIn(file, candidates), ...imported(file, candidates)]);
}

const literal = /["'`]((?:\.{0,2}\/)*[\w@][\w@.-]*(?:\/[\w@][\w@.-]*){0,20})["'`]/g;

/** Modules of Python that lie beside the importing one, or at the top. */
function imported({ path, text }: SourceFile, leftOut: readonly LeftOutFile[]): readonly RuleFinding[] {
  if (!path.endsWith(".py")) return [];
  return leftOut.flatMap((one) => {
    const [, directory = "", module] = /^(.*?)(\w+)\.py$/.exec(one.path) ?? [];
    if (module === undefined || !path.startsWith(directory)) return [];
    const sign = `^[ \\t]*(?:from[ \\t]+(?:[\\w.]*\\.)?${module}[ \\t]+import|import[ \\t]+(?:[\\w., \\t]*[., \\t])?${module}\\b)`;
    const at = text.search(new RegExp(sign, "m"));
    return at < 0
      ? []
      : [finding({ file: path, line: new FileLines({ path, text }).number(at) }, `imports ${module}`, one)];
  });
}

function namedIn({ path, text }: SourceFile, leftOut: readonly LeftOutFile[]): readonly RuleFinding[] {
  const found = new Map<string, RuleFinding>();
  for (const { 1: name = "", index } of text.matchAll(literal)) {
    // A word alone is seldom a path.
    if (!/[./]/.test(name) || found.has(name)) continue;
    const places = [posix.join(posix.dirname(path), name), posix.normalize(name).replace(/^\//, "")];
    const cover = places.map((at) => coverOf(leftOut, at)).find((one) => one !== undefined);
    if (!cover) continue;
    const line = new FileLines({ path, text }).number(index);
    found.set(name, finding({ file: path, line }, `names ${name}`, cover));
  }
  return [...found.values()];
}

/** Libraries and options that read a .env file. */
const loader = /\b(?:\w*dotenvy?|load_dotenv|read_env|env_file|decouple)\b|--env-file\b/i;

/** Variables that tools like Vite and Next.js read from such a file, and that the manifest does not name. */
function variables(subject: Subject): readonly RuleFinding[] {
  const { leftOut, spec, files } = subject;
  const known = new Set([spec.buildVariables, ...spec.services.map((one) => one.variables)].flatMap(Object.keys));
  const isLoaded =
    startCommands(subject).some(({ words }) => loader.test(words.join(" "))) ||
    files.some(({ path, text }) => code.test(path) && !isExampleFile(path) && loader.test(text));
  return leftOut.flatMap(({ path, text, isTracked }) => {
    if (text === null || !forProduction.test(path) || isExampleFile(path)) return [];
    const names = [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w{0,127})[ \t]*=/gm)].map(([, name = ""]) => name);
    const missing = [...new Set(names)].filter((name) => !known.has(name));
    if (missing.length === 0) return [];
    const more = missing.length > 4 ? ` and ${missing.length - 4} more` : "";
    const message = `is left out of the source; the manifest does not name ${missing.slice(0, 4).join(", ")}${more}`;
    // A plain .env that nothing loads is for the machine of its author; but a bundler reads it by itself.
    const isMeant = isTracked || isLoaded || !path.endsWith(".env") || missing.some((name) => bundled.test(name));
    return [
      { at: { file: path, line: 1 }, message, fix: importVariables, ...(isMeant ? {} : { severity: "note" as const }) },
    ];
  });
}
