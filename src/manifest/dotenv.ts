import type { Diagnostic } from "../base/faults.ts";
import { valueLimit } from "../base/variable-name.ts";

export type DotenvReading =
  | { readonly ok: true; readonly values: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Maximum size of a file and number of names: the limits of one request to the controller. */
const limits = { characters: 1024 * 1024, names: 500 } as const;
const namePattern = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/**
 * Reads a `.env` file as the dotenv packages of Node, Python and Ruby agree on it: `NAME=value` with an optional
 * `export`, comments, single quotes (as they are) and double quotes (`\n`, `\r`, `\t`, `\"`, `\\`, `\$`), both over
 * several lines. What they read differently is an error that names them: references like `${B}`, which only some
 * replace, backticks and a `#` inside a value. Not Node's `util.parseEnv`, because that skips lines it does
 * not understand, and a skipped line would be a variable missing in production. Reports all errors at once, by line,
 * without values.
 */
export function readDotenv(text: string): DotenvReading {
  if (text.length > limits.characters)
    return { ok: false, diagnostics: [{ path: "", message: "is longer than 1 MB" }] };
  const reader = new Reader(text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n"));
  reader.read();
  if (reader.values.size > limits.names) reader.report("", `has more than ${limits.names} names`);
  if (reader.diagnostics.length > 0) return { ok: false, diagnostics: reader.diagnostics };
  return { ok: true, values: reader.values };
}

interface Quoted {
  /** Its first line, from 0. */
  readonly begun: number;
  readonly inside: string;
  readonly quote: string;
  /** What follows the closing quote on its line. */
  readonly rest: string;
}

class Reader {
  readonly values = new Map<string, string>();
  readonly diagnostics: Diagnostic[] = [];
  readonly #lines: readonly string[];
  /** The current line, from 0. */
  #at = 0;

  constructor(text: string) {
    this.#lines = text.split("\n");
  }

  report(path: string, message: string, line = this.#at): void {
    this.diagnostics.push({ path, message, line: line + 1 });
  }

  read(): void {
    for (; this.#at < this.#lines.length; this.#at += 1) this.#line(this.#lines[this.#at] ?? "");
  }

  #line(line: string): void {
    if (/^\s*(?:#|$)/.test(line)) return;
    const [, name, rest] = /^\s*(?:export\s+)?([^\s=#]+)[ \t]*=(.*)$/s.exec(line) ?? [];
    if (name === undefined || rest === undefined) return this.report("", "is not NAME=value, a comment or empty");
    // The text before the = may be part of a broken value, so it is repeated only if it is a name.
    if (!namePattern.test(name)) return this.report("", "has no name before the = – letters, digits and _ only");
    const begun = this.#at;
    const value = this.#value(name, rest.trimStart());
    if (value === null) return;
    if (this.values.has(name)) this.report(name, "occurs twice – keep one", begun);
    else if (value.includes("\0")) this.report(name, "holds a NUL character", begun);
    else if (value.length > valueLimit) this.report(name, `is longer than ${valueLimit} characters`, begun);
    else this.values.set(name, value);
  }

  /** The value that begins with `rest`; null after an error. */
  #value(name: string, rest: string): string | null {
    const quote = rest[0];
    const begun = this.#at;
    if (quote !== '"' && quote !== "'")
      return this.#agreed(name, { raw: withoutComment(rest).trimEnd(), begun }, dialectsUnquoted);
    const inside: string[] = [];
    // No line is read twice, however many there are until the quote is closed.
    for (let line = rest.slice(1); ; line = this.#lines[this.#at] ?? "") {
      const end = endOf(line, quote);
      inside.push(line.slice(0, end));
      if (end < line.length)
        return this.#closed(name, { begun, inside: inside.join("\n"), quote, rest: line.slice(end + 1) });
      if (this.#at + 1 >= this.#lines.length) break;
      this.#at += 1;
    }
    this.#at = begun;
    this.report(name, `has a ${quote} that is not closed`);
    return null;
  }

  /** A raw value that every reader takes alike; null after an error. */
  #agreed(name: string, { raw, begun }: { raw: string; begun: number }, dialects: readonly Dialect[]): string | null {
    const differs = dialects.find(({ sign }) => sign.test(raw));
    if (!differs) return raw;
    this.report(name, differs.message, begun);
    return null;
  }

  #closed(name: string, { begun, inside, quote, rest }: Quoted): string | null {
    if (!/^\s*(?:#.*)?$/s.test(rest)) {
      this.report(name, `continues after the closing ${quote} – put all of it in quotes`);
      return null;
    }
    const raw = quote === "'" ? inside : this.#agreed(name, { raw: inside, begun }, [reference]);
    return quote === "'" || raw === null
      ? raw
      : raw.replace(/\\([nrt"\\$])/g, (_, letter) => escapes[letter] ?? letter);
  }
}

/**
 * Signs in a raw value that readers take differently. Tried with dotenv 17 (Node), `node --env-file`, python-dotenv 1;
 * Ruby's dotenv 3 and Compose 2 by their documentation. In single quotes only python-dotenv replaces references.
 */
const reference: Dialect = {
  sign: /(?<!\\)(?:\\\\)*\$(?:[{(]|[A-Za-z_])/,
  message:
    "has a reference like ${NAME} or $NAME, which some readers replace (Compose, Python, Ruby) and Node's keeps – write out its value, or use single quotes to keep it as it is",
};
const dialectsUnquoted: readonly Dialect[] = [
  {
    sign: /^`/,
    message:
      "is in backticks, which Node's reader removes and those of Python, Ruby and Compose keep – use single quotes",
  },
  reference,
  {
    sign: /#/,
    message:
      "has a # inside, where the value ends for Node's and Ruby's readers, but not for Python's and Compose's – use quotes",
  },
];

interface Dialect {
  readonly sign: RegExp;
  readonly message: string;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** Where the quote is closed in a line; its length when it is not. A backslash at its end keeps the line end as it is. */
function endOf(line: string, quote: string): number {
  for (let at = 0; at < line.length; at += 1) {
    if (quote === '"' && line[at] === "\\") at += 1;
    else if (line[at] === quote) return at;
  }
  return line.length;
}

/** Unquoted text, up to a `#` at its beginning or after white space. */
function withoutComment(text: string): string {
  const from = text.search(/(?:^|\s)#/);
  return from < 0 ? text : text.slice(0, from);
}

/** Writes a `.env` file that `readDotenv` reads back unchanged. */
export function writeDotenv(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join("");
}

function quoted(value: string): string {
  if (/^[\w./:@%+,=-]*$/.test(value)) return value;
  return `"${value
    .replace(/["\\$]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")}"`;
}
