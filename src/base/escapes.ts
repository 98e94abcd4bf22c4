/** One way to write a character inside a larger text. */
type Spelling = (character: string) => string;
export type Escape = (text: string) => string;

const hex = (code: number, digits: number) => code.toString(16).padStart(digits, "0");
const codeOf = (character: string) => character.codePointAt(0) ?? 0;
const upper = (spelling: Spelling): Spelling => {
  return (character) => spelling(character).replace(/[\da-f]+/g, (digits) => digits.toUpperCase());
};
const perUnit =
  (each: (unit: number) => string): Spelling =>
  (character) =>
    Array.from({ length: character.length }, (_, i) => each(character.charCodeAt(i))).join("");
const perByte =
  (each: (byte: number) => string): Spelling =>
  (character) =>
    Array.from(Buffer.from(character), each).join("");

/** `\u00e9`, two of them beyond the first plane (ECMA-404). */
const u4 = perUnit((unit) => `\\u${hex(unit, 4)}`);
const xBytes = perByte((byte) => `\\x${hex(byte, 2)}`);
const octal = perByte((byte) => `\\${byte.toString(8).padStart(3, "0")}`);
const percentBytes = upper(perByte((byte) => `%${hex(byte, 2)}`));
const decimalEntity: Spelling = (character) => `&#${codeOf(character)};`;
const hexEntity = upper((character) => `&#x${hex(codeOf(character), 1)};`);
/** `\xe9`, `\u20ac`, `\U0001f600`: the shortest that fits, as Python's `ascii` does. */
const shortest: Spelling = (character) => {
  const code = codeOf(character);
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
};
const braced: Spelling = (character) => `\\u{${hex(codeOf(character), 1)}}`;
const raw: Spelling = (character) => character;

const shortNames: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const jsonNames = { ...shortNames, "\b": "\\b", "\f": "\\f" };
const cNames = { ...jsonNames, "\x07": "\\a", "\v": "\\v" };
const escNames = { ...cNames, "\x1b": "\\e" };

interface Rule {
  /** Characters that are escaped with a backslash. */
  readonly backslash?: string;
  readonly names?: Readonly<Record<string, string>>;
  /**
   * Control characters without a name; DEL and C1 too, except in JSON, which does not treat them as control characters.
   */
  readonly control?: Spelling;
  readonly isJson?: boolean;
  /** Beyond ASCII. */
  readonly wide?: Spelling;
  /** Characters with a special escape. */
  readonly odd?: { readonly characters: string; readonly as: Spelling };
}

function escaping({ backslash = "", names = {}, control = raw, isJson = false, wide = raw, odd }: Rule): Escape {
  const one: Spelling = (character) => {
    if (odd?.characters.includes(character)) return odd.as(character);
    if (backslash.includes(character)) return `\\${character}`;
    const code = codeOf(character);
    if (code < 0x20 || (!isJson && code >= 0x7f && code < 0xa0)) return names[character] ?? control(character);
    return code < 0x80 ? character : wide(character);
  };
  return every(one);
}

/** Escapes character by character; the escape of each character is computed once. */
function every(spelling: Spelling): Escape {
  const known = new Map<string, string>();
  return (text) => {
    let written = "";
    for (const character of text) {
      let one = known.get(character);
      if (one === undefined) {
        one = spelling(character);
        if (known.size < 1024) known.set(character, one);
      }
      written += one;
    }
    return written;
  };
}

const swap = (pairs: Readonly<Record<string, string>>, wide: Spelling = raw): Escape => {
  return every((character) => pairs[character] ?? (codeOf(character) < 0x80 ? character : wide(character)));
};

const json: Rule = { backslash: '"\\', names: jsonNames, control: u4, isJson: true };
const markup = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** The form of a text inside a larger text written by a common runtime; `json` and others may be nested. */
export const carriers: readonly Escape[] = [
  escaping(json),
  escaping({ backslash: "'\\", names: shortNames, control: shortest }),
  escaping({ backslash: "\\", names: shortNames, control: shortest }),
  escaping({ backslash: "'\\", names: jsonNames, control: upper(shortest) }),
  escaping({ backslash: "\\", names: jsonNames, control: upper(shortest) }),
  escaping({ ...json, isJson: false, wide: u4 }),
  escaping({ ...json, wide: u4 }),
  swap({ ...markup, '"': "&quot;", "'": "&#39;" }),
  swap({ ...markup, '"': "&#34;", "'": "&#39;" }),
  swap({ ...markup, '"': "&quot;", "'": "&#x27;" }),
  every((character) => (/[\w.~-]/.test(character) ? character : percentBytes(character))),
  // Percent-encoded twice.
  (text) => text.replaceAll("%", "%25"),
];

/** Backslash escapes, by the programs that write them. */
const backslashed: readonly Escape[] = [
  // JSON.stringify; Python, Ruby and others in ASCII; Jackson and .NET with capitals; PHP with `\/`.
  escaping(json),
  escaping({ ...json, wide: u4 }),
  escaping({ ...json, isJson: false, wide: u4 }),
  escaping({ ...json, control: upper(u4), wide: upper(u4) }),
  escaping({ ...json, backslash: '"\\/' }),
  escaping({ ...json, backslash: '"\\/', wide: u4 }),
  escaping({ ...json, backslash: '"\\/', control: upper(u4), wide: upper(u4) }),
  // JSON that is safe inside HTML: Go and Rails, Gson, PHP's JSON_HEX_…, .NET, Django's escapejs.
  escaping({ ...json, odd: { characters: "<>&\u2028\u2029", as: u4 } }),
  escaping({ ...json, odd: { characters: "<>&='\u2028\u2029", as: u4 } }),
  escaping({ ...json, backslash: "\\/", wide: u4, odd: { characters: "<>&'\"", as: upper(u4) } }),
  escaping({
    ...json,
    backslash: "\\",
    control: upper(u4),
    wide: upper(u4),
    odd: { characters: "\"&'+<>`", as: upper(u4) },
  }),
  escaping({ control: upper(u4), odd: { characters: "\\'\"<>&=-;`\u2028\u2029", as: upper(u4) } }),
  // Python's repr, ascii and bytes, in either quote.
  ...["'\\", "\\"].flatMap((backslash) => [
    escaping({ backslash, names: shortNames, control: shortest }),
    escaping({ backslash, names: shortNames, control: shortest, wide: shortest }),
    escaping({ backslash, names: shortNames, control: xBytes, wide: xBytes }),
    // Node's util.inspect.
    escaping({ backslash, names: jsonNames, control: upper(shortest) }),
  ]),
  // Single quotes of Perl and PHP; both quotes: MySQL, addslashes, template literals.
  escaping({ backslash: "'\\" }),
  escaping({ backslash: "\"'\\", names: jsonNames, control: shortest }),
  escaping({ backslash: "`$\\", names: jsonNames, control: shortest }),
  // Go's %q and %+q, Rust's {:?}, Swift.
  escaping({ backslash: '"\\', names: cNames, control: shortest }),
  escaping({
    backslash: '"\\',
    names: cNames,
    control: (character) => (character < "\x80" ? shortest : u4)(character),
  }),
  escaping({ backslash: '"\\', names: cNames, control: shortest, wide: shortest }),
  escaping({ backslash: '"\\', names: shortNames, control: braced }),
  escaping({ backslash: '"\\', names: shortNames, control: braced, wide: braced }),
  escaping({ backslash: "\"'\\", names: shortNames, control: braced, wide: upper(braced) }),
  // C: git, strace, systemd; Redis; nginx; YAML in double quotes; Java's properties.
  escaping({ backslash: '"\\', names: cNames, control: octal, wide: octal }),
  escaping({ backslash: '"\\', names: cNames, control: xBytes, wide: xBytes }),
  escaping({ control: upper(xBytes), wide: upper(xBytes), odd: { characters: '"\\', as: upper(xBytes) } }),
  escaping({ control: upper(xBytes), odd: { characters: '"\\', as: upper(xBytes) } }),
  escaping({ backslash: '"\\', names: escNames, control: upper(shortest), wide: upper(shortest) }),
  escaping({ backslash: '"\\', names: escNames, control: upper(shortest) }),
  escaping({ backslash: "\\=:#!", names: jsonNames, control: upper(u4), wide: upper(u4) }),
];

/** Characters that bash's `printf %q` escapes with a backslash. */
const special = " \t!\"$&'()*,;<>?[\\]^`{|}";

const inBash = escaping({ backslash: special });

/** Quotes that are doubled, closed and reopened, or escaped. */
const quoted: readonly Escape[] = [
  (text) => text.replaceAll("'", "'\\''"),
  (text) => text.replaceAll("'", `'"'"'`),
  (text) => text.replaceAll("'", "\\'"),
  (text) => text.replaceAll("'", "''"),
  (text) => text.replaceAll('"', '""'),
  (text) => text.replaceAll("$", "$$$$"),
  (text) => text.replaceAll(/["$`\\]/g, "\\$&"),
  (text) => text.replaceAll(/["$`\\!]/g, "\\$&"),
  inBash,
  // $'…': bash, and what a shell prints of its commands.
  escaping({ backslash: "'\\", names: { ...cNames, "\x1b": "\\E" }, control: octal, wide: octal }),
  escaping({ backslash: "'\\", names: { ...cNames, "\x1b": "\\E" }, control: octal }),
  escaping({ backslash: "'\\", names: escNames, control: octal }),
];

const inMarkup: readonly Escape[] = [
  ...[raw, decimalEntity, hexEntity].flatMap((wide) => [
    swap(markup, wide),
    swap({ ...markup, '"': "&quot;" }, wide),
    swap({ ...markup, '"': "&quot;", "'": "&#39;" }, wide),
    swap({ ...markup, '"': "&quot;", "'": "&#039;" }, wide),
    swap({ ...markup, '"': "&quot;", "'": "&#x27;" }, wide),
    swap({ ...markup, '"': "&quot;", "'": "&apos;" }, wide),
    swap({ ...markup, '"': "&#34;", "'": "&#39;" }, wide),
  ]),
  // Every character that could end a value is escaped: OWASP, Underscore, Mustache, React's attributes.
  swap({ ...markup, '"': "&quot;", "'": "&#x27;", "/": "&#x2F;" }),
  swap({ ...markup, '"': "&quot;", "'": "&#x27;", "`": "&#x60;" }),
  swap({ ...markup, '"': "&quot;", "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;" }),
  swap({ ...markup, '"': "&quot;", "'": "&#39;", "/": "&#47;", "`": "&#96;", "=": "&#61;" }),
  swap({ ...markup, '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;" }),
  swap({ ...markup, '"': "&quot;", "\n": "&#xA;", "\r": "&#xD;", "\t": "&#x9;" }),
];

/** Bytes that do not change in percent encoding: letters and digits always, and these in some encoders. */
const unescaped = ["-._~", "-._~!'()*", "-._*", "-._~/", "-._~!'()*;/?:@&=+$,#", "-._~!$&'()*+,;=:@", ""] as const;

const percent: readonly Escape[] = unescaped.flatMap((kept) => {
  const one: Spelling = (character) =>
    /[A-Za-z\d]/.test(character) || kept.includes(character) ? character : percentBytes(character);
  const capital = every(one);
  const small: Escape = (text) => lowerPercent(capital(text));
  const plus = (encode: Escape): Escape => {
    return (text) => encode(text).replaceAll("%20", "+");
  };
  return [capital, small, plus(capital), plus(small)];
});

function lowerPercent(text: string): string {
  return text.replaceAll(/%[\dA-F]{2}/g, (escaped) => escaped.toLowerCase());
}

/** RFC 2045 section 6.7. */
export const quotedPrintable = every((character) =>
  /[\t -<>-~]/.test(character) ? character : upper(perByte((byte) => `=${hex(byte, 2)}`))(character),
);

/**
 * Every encoding that escapes some characters of a text, independent of context; letters and digits are never escaped.
 */
export const escapes: readonly Escape[] = [...backslashed, ...quoted, ...inMarkup, ...percent, quotedPrintable];

const inRuby = escaping({ backslash: '"\\', names: escNames, control: upper(u4) });
/** Encodings that depend on the neighbouring character. */
export const escapesByPlace: readonly Escape[] = [
  // Ruby and Elixir, where `#{` begins an expression; bash's %q, where `#` begins a comment.
  (text) => inRuby(text).replaceAll(/#(?=[{$@])/g, "\\#"),
  (text) => inBash(text).replace(/^[#~]/, "\\$&"),
];

/** Every encoding that writes the whole text as numbers. */
export const numbered: readonly Escape[] = [
  ...[xBytes, u4, octal, decimalEntity, hexEntity].flatMap((spelling) => [every(spelling), every(upper(spelling))]),
  every((character) => `&#x${hex(codeOf(character), 2)};`),
  every(percentBytes),
  (text) => lowerPercent(every(percentBytes)(text)),
  ...["", " ", ":", "-", ", ", ","].flatMap((between) => {
    const pairs: Escape = (text) => Array.from(Buffer.from(text), (byte) => hex(byte, 2)).join(between);
    return [pairs, (text: string) => pairs(text).toUpperCase()];
  }),
  ...[", ", ",", " "].map(
    (between): Escape =>
      (text) =>
        Buffer.from(text).join(between),
  ),
  ...[", ", ",", " "].map(
    (between): Escape =>
      (text) =>
        Array.from(Buffer.from(text), (byte) => `0x${hex(byte, 2)}`).join(between),
  ),
];
