import { Fault } from "../../../base/faults.ts";

/** A test of one UTF-16 unit. */
export type UnitTest = (unit: number) => boolean;

/** What a pattern is made of. Greedy and lazy are one: only whether a line matches is asked. */
export type Node =
  | { readonly kind: "unit"; readonly test: UnitTest }
  | { readonly kind: "assert"; readonly what: "start" | "end" | "boundary" | "no-boundary" }
  | { readonly kind: "sequence" | "choice"; readonly nodes: readonly Node[] }
  | { readonly kind: "repeat"; readonly node: Node; readonly least: number; readonly most: number };

/** Longest pattern, deepest nesting and largest count of a repetition: enough for people, too little for harm. */
const limits = { length: 200, depth: 20, count: 100 } as const;

export const isWord: UnitTest = (unit) =>
  (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || unit === 95 || (unit >= 97 && unit <= 122);
const isDigit: UnitTest = (unit) => unit >= 48 && unit <= 57;
const isSpace: UnitTest = (unit) => unit === 32 || (unit >= 9 && unit <= 13);
const not =
  (test: UnitTest): UnitTest =>
  (unit) =>
    !test(unit);
const classes: Readonly<Record<string, UnitTest>> = {
  ...{ d: isDigit, D: not(isDigit), w: isWord, W: not(isWord), s: isSpace, S: not(isSpace) },
};
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11 };

function refuse(why: string): Fault {
  return new Fault("request.invalid", `grep: ${why}`, {
    hint: "Write a plain text or a simple regular expression; put \\ before a character that is meant as it is.",
  });
}

/**
 * Reads the part of RE2's syntax (github.com/google/re2/wiki/Syntax) that needs no backtracking: text, `.`, classes,
 * `\d \w \s \b`, groups, `|`, `* + ? {n,m}`, `^`, `$` and `(?i)` in front. Fault `request.invalid` for all else.
 */
export function parsePattern(source: string): Node {
  if (source.length > limits.length) throw refuse(`a pattern has at most ${limits.length} characters`);
  const anyCase = source.startsWith("(?i)");
  return new Parser(anyCase ? source.slice(4) : source, anyCase).parse();
}

class Parser {
  readonly #source: string;
  readonly #anyCase: boolean;
  #at = 0;
  #depth = 0;

  constructor(source: string, anyCase: boolean) {
    this.#source = source;
    this.#anyCase = anyCase;
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#source.length) throw refuse("there is a ) without its (");
    return node;
  }

  #peek(): string {
    return this.#source.charAt(this.#at);
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #next(): string {
    if (this.#at >= this.#source.length) throw refuse("the pattern ends too early");
    this.#at += 1;
    return this.#source.charAt(this.#at - 1);
  }

  #choice(): Node {
    this.#depth += 1;
    if (this.#depth > limits.depth) throw refuse(`groups are nested more than ${limits.depth} deep`);
    const nodes = [this.#sequence()];
    while (this.#take("|")) nodes.push(this.#sequence());
    this.#depth -= 1;
    return { kind: "choice", nodes };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#peek())) nodes.push(this.#repeated());
    return { kind: "sequence", nodes };
  }

  #repeated(): Node {
    const node = this.#atom();
    const bounds = this.#bounds();
    if (!bounds) return node;
    if (node.kind === "assert") throw refuse("there is nothing to repeat before * + ? or {");
    this.#take("?");
    if (this.#bounds()) throw refuse("a repetition is repeated; put a group around it");
    return { kind: "repeat", node, ...bounds };
  }

  #bounds(): { least: number; most: number } | null {
    if (this.#take("*")) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.#take("+")) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.#take("?")) return { least: 0, most: 1 };
    const counted = /^\{(\d{1,4})(?:(,)(\d{0,4}))?\}/.exec(this.#source.slice(this.#at));
    if (!counted) return null;
    this.#at += counted[0].length;
    const least = Number(counted[1]);
    const open = counted[3] ? Number(counted[3]) : Number.POSITIVE_INFINITY;
    const most = counted[2] ? open : least;
    if (least > limits.count || (Number.isFinite(most) && most > limits.count) || most < least) {
      throw refuse(`a count is at most ${limits.count}, and the smaller one comes first`);
    }
    return { least, most };
  }

  #atom(): Node {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "unit", test: this.#class() };
      case ".":
        return { kind: "unit", test: () => true };
      case "^":
        return { kind: "assert", what: "start" };
      case "$":
        return { kind: "assert", what: "end" };
      case "\\":
        return this.#escaped();
      case "*":
      case "+":
      case "?":
        throw refuse(`there is nothing to repeat before ${char}`);
      default:
        return { kind: "unit", test: this.#is(char.charCodeAt(0)) };
    }
  }

  #group(): Node {
    if (this.#peek() === "?" && !this.#take("?:")) {
      throw refuse("only (…), (?:…) and (?i) at the very beginning are known, not lookahead, lookbehind or names");
    }
    const node = this.#choice();
    if (!this.#take(")")) throw refuse("there is a ( without its )");
    return node;
  }

  #escaped(): Node {
    if (this.#take("b")) return { kind: "assert", what: "boundary" };
    if (this.#take("B")) return { kind: "assert", what: "no-boundary" };
    const meant = this.#escape();
    return { kind: "unit", test: typeof meant === "number" ? this.#is(meant) : meant };
  }

  /** What stands after a backslash: a class, or the unit that is meant. */
  #escape(): UnitTest | number {
    const char = this.#next();
    const known = Object.hasOwn(classes, char) ? classes[char] : undefined;
    if (known) return known;
    if (Object.hasOwn(controls, char)) return controls[char] ?? 0;
    if (char === "x" || char === "u") {
      const digits = this.#source.slice(this.#at, this.#at + (char === "x" ? 2 : 4));
      if (!/^(?:[\da-f]{2}){1,2}$/i.test(digits)) throw refuse("\\x needs two hex digits and \\u four");
      this.#at += digits.length;
      return Number.parseInt(digits, 16);
    }
    if (/[1-9]/.test(char)) throw refuse("references back to a group are not known");
    if (/[0a-z]/i.test(char)) throw refuse(`\\${char} is not known`);
    return char.charCodeAt(0);
  }

  /** The inside of `[…]`, whose `[` is taken. */
  #class(): UnitTest {
    const negated = this.#take("^");
    const tests: UnitTest[] = [];
    for (let first = true; first || this.#peek() !== "]"; first = false) tests.push(this.#member());
    this.#at += 1;
    const any: UnitTest = (unit) => tests.some((test) => test(unit));
    return negated ? not(any) : any;
  }

  #member(): UnitTest {
    const from = this.#classUnit();
    if (typeof from !== "number") return from;
    const ranged = this.#peek() === "-" && this.#source.charAt(this.#at + 1) !== "]";
    if (!ranged) return this.#is(from);
    this.#at += 1;
    const to = this.#classUnit();
    if (typeof to !== "number" || to < from) throw refuse("a range in [ ] goes from a smaller to a larger character");
    return this.#cases((unit) => unit >= from && unit <= to);
  }

  #classUnit(): UnitTest | number {
    const char = this.#next();
    return char === "\\" ? this.#escape() : char.charCodeAt(0);
  }

  #is(wanted: number): UnitTest {
    return this.#cases((unit) => unit === wanted);
  }

  #cases(test: UnitTest): UnitTest {
    if (!this.#anyCase) return test;
    return (unit) => {
      const char = String.fromCharCode(unit);
      return test(unit) || test(char.toLowerCase().charCodeAt(0)) || test(char.toUpperCase().charCodeAt(0));
    };
  }
}

export { refuse as refusePattern };
