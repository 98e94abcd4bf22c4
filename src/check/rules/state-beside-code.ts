import { FileLines, lineOf } from "../lines.ts";
import { isExampleFile, type Rule, type RuleFinding, type SourceFile, type Subject, variableAt } from "../subject.ts";

const code = /\.(?:[cm]?[jt]sx?|py|rb|php|go|java|kt|rs|cs|exs?|ya?ml|prisma|toml|properties)$/i;
/** Settings for development and tests, by the names that Django, Rails and others give them. */
const elsewhere = /(?:^|\/)(?:dev\w*|local\w*|test\w*)\.(?:py|rb|[cm]?[jt]s|exs?|ya?ml)$/i;
const fileName = String.raw`(?!\/|:memory:|[a-z]+:\/\/)[\w@.\/${"{}"}-]*[\w-]\.(?:sqlite3?|db3?)`;

/** Code that opens a SQLite file by a path of its own. */
const databases: readonly RegExp[] = [
  // SQLAlchemy and others: three slashes begin a relative path, four an absolute one.
  /\b(?:jdbc:)?sqlite(?:\+\w+)?:(?:\/\/\/?(?!\/)|(?!\/))(?!:memory:|\s)[\w.{}/-]+/g,
  // As an argument, or joined to a directory.
  new RegExp(`[(,/+]\\s*["'\`]${fileName}["'\`]`, "g"),
  new RegExp(`\\b(?:storage|filename|database|url)["']?\\s*[:=]\\s*["']?(?:file:)?${fileName}\\b`, "g"),
  /\b(?:Data Source|Filename)=(?!\/|:memory:)[\w.-]+\.(?:sqlite3?|db)\b/g,
];

/** Code that keeps what users upload beside itself. */
const uploads: readonly RegExp[] = [
  /\bmulter\(\s*\{\s*dest\s*:\s*(?:["'`](?!\/)|path\.(?:join|resolve)\(\s*(?:__dirname|import\.meta))/g,
  /\bdestination\s*:\s*["'`](?!\/|[a-z0-9]+:)[\w./-]+["'`]/g,
  /\bcb\(\s*null\s*,\s*(?:["'`](?!\/)[\w./-]*(?:upload|public|media|file|image)|path\.(?:join|resolve)\(\s*__dirname)/g,
  /\bMEDIA_ROOT\s*=\s*(?:os\.path\.join\(\s*)?(?:str\(\s*)?(?:BASE_DIR|PROJECT_ROOT|ROOT_DIR|["'](?![/"']))/g,
  /\bUPLOAD(?:S|ED)?_(?:FOLDER|DIR|PATH)["'\]]*\s*[:=]\s*(?:os\.path\.join\(\s*)?(?:["'`](?![/"'`])|basedir|BASE_DIR|app\.root_path)/g,
  /\buploadDir\s*:\s*["'`](?!\/)/g,
  /\bactive_storage\.service\s*=\s*:local\b/g,
];

const lost = "which is lost with each instance, at a deployment as at a restart";

/** What an instance writes beside its code (R040): its directory is a copy of its own, and is removed with it. */
export const stateBesideCode: Rule = {
  id: "state-beside-code",
  title: "No data is kept beside the code",
  why: "An instance has a copy of the source that is removed with it, at a deployment as at a restart, and no other instance sees it. `status` and the result of `deploy` list what running instances wrote there. Volumes come with data services.",
  fix: "give the app the URL of a database or of an object store, or the path of a directory outside (docs/environments.md); or leave it, if the data may be lost each time",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: (subject) => [
    ...subject.databases.map((path) => ({
      at: { file: path, line: 1 },
      message: `is a SQLite database in the source: ${ofSource}`,
    })),
    ...subject.values
      .filter(({ text }) => /^(?:sqlite[\w+]*:(?:\/\/)?\/?(?![/:])|file:(?!\/)).*\w/.test(text.reveal()))
      .map((value) => ({ at: variableAt(value), message: `names a SQLite file beside the code, ${lost}` })),
    ...subject.files
      .filter(({ path }) => code.test(path) && !isExampleFile(path) && !elsewhere.test(path))
      .flatMap((file) => found(subject, file)),
  ],
};

const ofSource = "every instance begins with this copy, and what it writes is lost with it";

function found(subject: Subject, file: SourceFile): readonly RuleFinding[] {
  const isSqlite = /sqlite/i.test(file.text) && !hasDatabaseVariable(subject);
  return [
    ...placesOf(file, isSqlite ? databases : []).map((at) => ({
      at,
      message: `keeps a SQLite database beside the code, ${lost}`,
    })),
    ...placesOf(file, uploads).map((at) => ({ at, message: `keeps uploads beside the code, ${lost}` })),
  ];
}

/** With a variable for its database, what stands in the code is only the default. */
function hasDatabaseVariable({ spec }: Subject): boolean {
  return spec.services.some(({ variables }) =>
    Object.keys(variables).some((name) => /DATABASE|(?:^|_)DB(?:_|$)|SQLITE/.test(name)),
  );
}

function placesOf(
  file: SourceFile,
  patterns: readonly RegExp[],
): readonly { readonly file: string; readonly line: number }[] {
  const places = patterns.flatMap((pattern) => [...file.text.matchAll(pattern)].map(({ index }) => index));
  if (places.length === 0) return [];
  const lines = new FileLines(file);
  const written = places.filter((at) => !lines.isCommented(at) && lineOf(file.text, at).length < 2_000);
  return [...new Set(written.map((at) => lines.number(at)))]
    .sort((a, b) => a - b)
    .map((line) => ({ file: file.path, line }));
}
