import { parse as parseToml, TomlError } from "smol-toml";
import { parse as parseYaml, YAMLError } from "yaml";
import type { SourceView } from "./recipe.ts";

/** Size limit of a file: package manifests and hand-written sources are shorter. */
const textLimit = 1_048_576;
/** Limit of all text read from one source, so that a hostile one costs no more than a big one. */
const totalLimit = 64 * textLimit;
/** Number of files searched for imports and routes; a big project has some thousands. */
const lookLimit = 3_000;
/** Directories whose files are not the app: results of installs and builds, and tests. */
const aside =
  /(?:^|\/)(?:node_modules|\.[^/]*|venv|env|ENV|dist|build|out|coverage|tests?|__tests__|docs?|examples?|__pycache__|site-packages)\//;

/**
 * Errors of the three parsers: for bad text, for more aliases than allowed, and for nesting that exhausts the stack.
 */
const unreadable = [SyntaxError, TomlError, YAMLError, ReferenceError, RangeError];

/** A mapping read from JSON or TOML. Only own members: a file may have a key `constructor`. */
export type Mapping = ReadonlyMap<string, unknown>;

/** The source for detection: limited, and with broken files distinguished from missing ones. */
export class Tree {
  readonly paths: ReadonlySet<string>;
  readonly #source: SourceView;
  #read = 0;
  /** Ordered once: a source has up to 50,000 files, and every reader asks. */
  #ordered: readonly string[] | null = null;
  readonly #texts = new Map<string, string | null>();
  /** Files that exist but cannot be parsed, by path. */
  readonly broken = new Map<string, string>();

  constructor(source: SourceView) {
    this.#source = source;
    this.paths = new Set(source.paths);
  }

  has(path: string): boolean {
    return this.paths.has(path);
  }

  /** The first of these that exists. */
  first(paths: readonly string[]): string | null {
    return paths.find((path) => this.has(path)) ?? null;
  }

  /** The text of a file; null if it is missing, not text or too long. */
  text(path: string): string | null {
    const known = this.#texts.get(path);
    if (known !== undefined) return known;
    const text = this.has(path) && this.#read < totalLimit ? this.#source.read(path) : null;
    this.#read += text?.length ?? 0;
    if (text !== null && text.length > textLimit) this.broken.set(path, "is longer than 1 MiB");
    const kept = text === null || text.length > textLimit ? null : text;
    this.#texts.set(path, kept);
    return kept;
  }

  /** A JSON object; null if the file is missing or contains something else, which `broken` then reports. */
  json(path: string): Mapping | null {
    return this.#parsed(path, "JSON", JSON.parse);
  }

  /** A TOML document; as `json`. */
  toml(path: string): Mapping | null {
    return this.#parsed(path, "TOML", (text) => parseToml(text, { maxDepth: 64, unsafeKeyBehaviour: "drop" }));
  }

  /** A YAML mapping; as `json`. */
  yaml(path: string): Mapping | null {
    return this.#parsed(path, "YAML", (text) => parseYaml(text, { maxAliasCount: 20, logLevel: "silent" }));
  }

  #parsed(path: string, form: string, parse: (text: string) => unknown): Mapping | null {
    const text = this.text(path);
    if (text === null) return null;
    try {
      const table = asTable(parse(text.replace(/^\uFEFF/, "")));
      if (table === null) this.broken.set(path, `contains no ${form} object`);
      return table;
    } catch (thrown) {
      if (!unreadable.some((each) => thrown instanceof each)) throw thrown;
      this.broken.set(path, `is not valid ${form}`);
      return null;
    }
  }

  /** Source files of the app with one of these endings, shallow ones first, at most some thousands. */
  sources(endings: RegExp): readonly string[] {
    this.#ordered ??= inOrder(this.paths);
    return this.#ordered.filter((path) => endings.test(path)).slice(0, lookLimit);
  }

  /** Whether any file is under a directory. */
  hasDirectory(directory: string): boolean {
    return [...this.paths].some((path) => path.startsWith(`${directory}/`));
  }
}

/** What is not aside, shallow ones first. */
function inOrder(paths: ReadonlySet<string>): readonly string[] {
  const found = [...paths].filter((path) => !aside.test(path)).map((path) => ({ path, depth: path.split("/").length }));
  return found.sort((a, b) => a.depth - b.depth || (a.path < b.path ? -1 : 1)).map(({ path }) => path);
}

/** `apps/web` of `apps/web/package.json`; empty at the top. */
export function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** `apps/web` and `package.json` joined; a directory may be empty. */
export function join(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

export function asTable(value: unknown): Mapping | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : null;
}

/** A member of nested tables, `project.dependencies`; undefined when a part is missing. */
export function member(table: Mapping | null, path: string): unknown {
  let value: unknown = table;
  for (const key of path.split(".")) {
    const at: Mapping | null = value instanceof Map ? value : asTable(value);
    if (at === null) return undefined;
    value = at.get(key);
  }
  return value;
}

export function textMember(table: Mapping | null, path: string): string | null {
  const value = member(table, path);
  return typeof value === "string" ? value : null;
}

/** The texts of a list; what is not text is omitted. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

/** The names of a table's members. */
export function namesOf(value: unknown): readonly string[] {
  return [...(asTable(value)?.keys() ?? [])];
}

/** The members of a table that are texts. */
export function textTable(value: unknown): ReadonlyMap<string, string> {
  const entries = [...(asTable(value) ?? [])];
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
