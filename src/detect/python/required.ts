import type { Tree } from "../tree.ts";
import { type Statement, statementsOf } from "./statements.ts";

/** What the platform sets, or the system. */
const given =
  /^(?:PORT|HOST|HOME|PATH|PWD|USER|TMPDIR|LANG|TZ|VIRTUAL_ENV|PYTHONPATH|DJANGO_SETTINGS_MODULE|FAIRLEAD_\w+)$/;
const name = `["']([A-Za-z_]\\w{0,63})["']`;
const limit = 30;

/**
 * Variables without which these files cannot be imported: read by a statement that certainly runs, without a default.
 * A variable that is also read with a default, set, or asked for, is not one.
 */
export function requiredIn(tree: Tree, files: readonly string[]): readonly string[] {
  const texts = files.map((file) => statementsOf(tree.text(file) ?? ""));
  const all = texts.flat();
  const names = namesOf(all);
  const readers = all.some(({ text }) => readersImported.test(text));
  return unlessOptional(
    all,
    texts.flatMap((statements) => [...readIn(statements, readers), ...settingsIn(statements, names)]),
  );
}

/** Every variable that these files may ask for, in branches too: for the build. */
export function perhapsRequired(tree: Tree, files: readonly string[]): readonly string[] {
  const all = files.flatMap((file) => statementsOf(tree.text(file) ?? ""));
  return unlessOptional(
    all,
    all.flatMap(({ text }) => withoutDefault(text, true)),
  );
}

function unlessOptional(all: readonly Statement[], names: readonly string[]): readonly string[] {
  const optional = new Set(all.flatMap(({ text }) => namesIn(text, withDefault)));
  return [...new Set(names)].filter((one) => !optional.has(one) && !given.test(one)).slice(0, limit);
}

/** `X in os.environ`, a default, an assignment, and the schemes of django-environ: `Env(DEBUG=(bool, False))`. */
const withDefault = [
  `${name}\\s+(?:not\\s+)?in\\s+(?:os\\.)?environ\\b`,
  `\\benviron(?:\\.(?:get|pop|setdefault)\\(\\s*${name}\\s*,|\\[\\s*${name}\\s*\\]\\s*=(?!=))`,
  `\\bgetenv\\(\\s*${name}\\s*,`,
].map((pattern) => new RegExp(pattern, "g"));
const scheme = /\b([A-Z][A-Z0-9_]{0,63})\s*=\s*\(\s*\w+\s*,/g;

function namesIn(text: string, patterns: readonly RegExp[]): readonly string[] {
  const schemed = /\bEnv\(/.test(text) ? [...text.matchAll(scheme)].map(([, one]) => one ?? "") : [];
  const found = patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? ""));
  return [...schemed, ...found];
}

/** Ways to read a variable that fail without one. The second argument is a default, except where it has another name. */
const reads = [
  new RegExp(`(?:\\bos\\.|(?<![.\\w]))environ\\[\\s*${name}\\s*\\](?!\\s*=(?!=))()`, "g"),
  new RegExp(`(?<![.\\w])(?:config|env(?:\\.[a-z]\\w*)?)\\(\\s*${name}\\s*(,[^()]*(?:\\([^()]*\\)[^()]*)*)?\\)`, "g"),
  new RegExp(`(?<![.\\w])(?:int|float)\\(\\s*os\\.(?:getenv|environ\\.get)\\(\\s*${name}\\s*\\)\\s*\\)()`, "g"),
] as const;
/** Addresses with a fixed name: of django-environ, and of dj-database-url, which gives an empty database without one. */
const fixed = [
  [/(?<![.\w])env\.(?:db|db_url)\(\s*\)/, "DATABASE_URL"],
  [/(?<![.\w])env\.(?:cache|cache_url)\(\s*\)/, "CACHE_URL"],
  [/^DATABASES\s*=.*\bdj_database_url\.config\((?![^)]*\b(?:default|env)\s*=)/, "DATABASE_URL"],
] as const;

/** Without these, `config(…)` and `env(…)` are something else. */
const readersImported = /^(?:from|import)\s+(?:decouple|environs?|starlette\.config)\b/;

function withoutDefault(text: string, readers: boolean): readonly string[] {
  if (/\blambda\b/.test(text)) return [];
  const [own, byReader, asNumber] = reads;
  const named = [own, ...(readers ? [byReader] : []), asNumber].flatMap((pattern) => [...text.matchAll(pattern)]);
  const found = named.filter(
    ([, , more = ""]) => /^(?:,\s*(?!default\b)\w+\s*=.*|,?\s*)$/.test(more) && !/\bdefault\s*=/.test(more),
  );
  return [
    ...found.map(([, one]) => one ?? ""),
    ...fixed.filter(([pattern]) => pattern.test(text)).map(([, one]) => one),
  ];
}

function readIn(statements: readonly Statement[], readers: boolean): readonly string[] {
  const direct = statements.filter(({ certain }) => certain).flatMap(({ text }) => withoutDefault(text, readers));
  const assigned = statements
    .filter(({ certain, text }) => certain && assignment.test(text))
    .slice(0, fieldLimit)
    .flatMap(({ text }) => {
      const [, variable = "", one = ""] = assignment.exec(text) ?? [];
      return refuses(statements, variable) ? [one] : [];
    });
  return [...direct, ...assigned];
}

const assignment = new RegExp(`^(\\w+)\\s*(?::[^=]+)?=\\s*os\\.(?:getenv|environ\\.get)\\(\\s*${name}\\s*\\)$`);

/** Whether the file ends when this name is empty: `if not KEY: raise …`, `assert KEY`. */
function refuses(statements: readonly Statement[], variable: string): boolean {
  const missing = new RegExp(
    `^if\\b.*(?:\\bnot\\s+${variable}\\b|\\b${variable}\\s+is\\s+None\\b|\\b${variable}\\s*==\\s*(?:""|'')).*:(.*)$`,
  );
  return statements.some(({ text, certain }, i) => {
    if (!certain) return false;
    if (new RegExp(`^assert\\s+${variable}\\b`).test(text)) return true;
    const [, rest = ""] = missing.exec(text) ?? [null, ""];
    if (!missing.test(text)) return false;
    return /^\s*(?:raise\b|(?:sys\.)?exit\(|quit\()/.test(rest.trim() === "" ? (statements[i + 1]?.text ?? "") : rest);
  });
}

/** Fields of settings, and variables of their own, that are looked at in one file. */
const fieldLimit = 300;

interface Names {
  /** Everything that is called without arguments. */
  readonly made: ReadonlySet<string>;
  readonly classes: ReadonlySet<string>;
}

function namesOf(all: readonly Statement[]): Names {
  const named = (pattern: RegExp) => all.flatMap(({ text }) => [...text.matchAll(pattern)].map(([, one]) => one ?? ""));
  return { made: new Set(named(/(?<!\bclass\s+)\b(\w+)\(\s*\)/g)), classes: new Set(named(/^class\s+(\w+)/g)) };
}

/** The fields of pydantic's settings that have no default, if the class is called without arguments somewhere. */
function settingsIn(statements: readonly Statement[], { made, classes }: Names): readonly string[] {
  const fields = statements.filter(({ certain, inClass }) => certain && /\bBaseSettings\b/.test(inClass ?? ""));
  return fields.slice(0, fieldLimit).flatMap(({ text, inClass }) => {
    const kind = /^class\s+(\w+)/.exec(inClass ?? "")?.[1] ?? "";
    const [, field = "", type = "", value = ""] =
      /^([A-Za-z]\w*)\s*:\s*([^=\s][^=]*?)\s*(?:=\s*(.*))?$/.exec(text) ?? [];
    // A nested model is read from several variables, or as JSON.
    if (!made.has(kind) || field === "" || /^(?:typing\.)?ClassVar\b/.test(type) || classes.has(type)) return [];
    const isRequired = value === "" || /^Field\(\s*(?:\.\.\.|\)|(?!default)\w+\s*=)/.test(value);
    if (!isRequired || /\bdefault(?:_factory)?\s*=/.test(value)) return [];
    const alias = /\b(?:validation_alias|alias|env)\s*=\s*["'](\w+)["']/.exec(value)?.[1];
    return [alias ?? `${prefixOf(statements, inClass)}${field}`.toUpperCase()];
  });
}

function prefixOf(statements: readonly Statement[], inClass: string | null): string {
  const from = statements.findIndex(({ text }) => text === inClass);
  const rest = statements.slice(from + 1);
  const end = rest.findIndex(({ indent }) => indent <= (statements[from]?.indent ?? 0));
  const own = (end < 0 ? rest : rest.slice(0, end)).map(({ text }) => text).join("\n");
  return (
    /\benv_prefix\s*[=:]\s*["'](\w*)["']/.exec(own)?.[1] ??
    /["']env_prefix["']\s*:\s*["'](\w*)["']/.exec(own)?.[1] ??
    ""
  );
}

/** Values for reading the settings during the build. They are in no layer: only one command gets them. */
export function valueForBuild(variable: string): string {
  if (/DATABASE_URL|DB_URL/.test(variable)) return "sqlite:////tmp/build.db";
  if (/REDIS|BROKER|CACHE_URL/.test(variable)) return "redis://localhost:6379/0";
  if (/URL|ORIGIN/.test(variable)) return "http://localhost";
  if (/HOST/.test(variable)) return "localhost";
  if (/PORT|TIMEOUT|COUNT|SIZE|SECONDS|MAX|LIMIT/.test(variable)) return "1";
  return /DEBUG|ENABLE|^USE_|_ON$|SSL|SECURE|TLS/.test(variable) ? "False" : "only-for-building";
}

/** Whether a value contains a key, a password, or an address that carries one. */
export function isSecretName(variable: string): boolean {
  return (
    /KEY|SECRET|PASSW|TOKEN|DSN|CREDENTIAL|SALT|WEBHOOK/i.test(variable) ||
    /(?:DATABASE|DB|REDIS|BROKER|CACHE|MONGO\w*|POSTGRES\w*|PG|MYSQL|AMQP|RABBIT\w*|CELERY\w*)_?(?:\w+_)?UR[IL]$/i.test(
      variable,
    )
  );
}
