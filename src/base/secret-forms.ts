import { carriers, type Escape, escapes, escapesByPlace, numbered, quotedPrintable } from "./escapes.ts";

/** Shorter values are too often ordinary words to be hidden everywhere. */
export const shortestSecret = 6;
/** A longer text is searched for in pieces of this length, so that no form is long. */
const longestPiece = 256;
/** Overlap of two pieces, so that nothing between them stays visible, also in base64. */
const overlap = 6;
/** Values up to this length are also searched for two and three levels deep: JSON in JSON, HTML in JSON, … */
const longestNested = 16 * 1024;
/** For longer ones, base64 in lines is searched for only at the beginning. */
const longestRun = 4 * 1024;
/** Nesting depth: a body in a log line in another log line. */
const jsonDepth = 3;

export interface SecretForms {
  /** Every form of the value that is searched for; none is shorter than `shortestSecret`. */
  readonly forms: readonly Buffer[];
  /** Encodings in which a line may end anywhere: a piece at the end or the beginning of a line counts too. */
  readonly runs: readonly Run[];
}

export interface Run {
  readonly bytes: Buffer;
  /** Only over a soft line break of quoted-printable, a `=` at the end. */
  readonly isSoft: boolean;
}

/**
 * How a value may be printed: itself, the lines of one with several, the password of a URL; each as common runtimes
 * write it inside another text (escapes.ts), also nested; in base64 and base64url at all alignments, with anything
 * around it and in lines of any length; in hexadecimal and other numbers; in UTF-16 and Latin-1. A value shorter than
 * `shortestSecret` is not searched for. Not found: values that are compressed, encrypted, shortened or in base32.
 */
export function formsOf(value: string): SecretForms {
  const found = new Found();
  const trimmed = value.trim();
  for (const whole of new Set([value, trimmed, passwordIn(trimmed) ?? trimmed])) {
    if (whole.length < shortestSecret) continue;
    const lines = linesOf(whole);
    const isNested = whole.length <= longestNested;
    for (const line of lines) for (const piece of piecesOf(line)) found.addPlain(piece, isNested);
    if (lines[0] !== whole) {
      for (const piece of piecesOf(whole)) found.addEscaped(piece, whole.length <= longestPiece);
    }
    for (const piece of piecesOf(whole)) found.addEncoded(piece);
    found.addRuns(whole.slice(0, longestRun));
  }
  return found;
}

class Found implements SecretForms {
  readonly #forms = new Map<string, Buffer>();
  readonly #runs = new Map<string, Run>();

  get forms(): readonly Buffer[] {
    return [...this.#forms.values()];
  }

  get runs(): readonly Run[] {
    return [...this.#runs.values()];
  }

  addPlain(text: string, isNested: boolean): void {
    this.#addText(text);
    this.addEscaped(text, isNested);
    for (const inBytes of otherBytes(text)) this.#addBytes(inBytes);
  }

  /** A value with several lines is searched for as a whole only in forms that escape its line ends. */
  addEscaped(text: string, isNested: boolean): void {
    const isOneLine = !/[\r\n]/.test(text);
    for (const form of spellingsOf(text, isNested)) if (isOneLine || !/[\r\n]/.test(form)) this.#addText(form);
  }

  addEncoded(text: string): void {
    for (const spell of numbered) this.#addText(spell(text));
    const written = [text, ...carriers.slice(0, 1).map((carry) => carry(text))];
    for (const bytes of [...written.map((one) => Buffer.from(one)), Buffer.from(text, "utf16le")]) {
      for (const form of base64Of(bytes)) this.#addText(form);
    }
    for (const inner of [...insidesOf(Buffer.from(text)), Buffer.from(text).toString("base64")]) {
      for (const form of base64Of(Buffer.from(inner))) this.#addText(form);
    }
  }

  addRuns(text: string): void {
    const bytes = Buffer.from(text);
    for (const run of [...insidesOf(bytes), bytes.toString("base64")]) this.#addRun(run, false);
    for (const run of [bytes.toString("hex"), bytes.toString("hex").toUpperCase()]) this.#addRun(run, false);
    if (!/[\r\n]/.test(text)) this.#addRun(quotedPrintable(text), true);
  }

  #addRun(text: string, isSoft: boolean): void {
    const known = this.#runs.get(text);
    if (!known || known.isSoft) this.#runs.set(text, { bytes: Buffer.from(text, "latin1"), isSoft });
  }

  #addText(text: string): void {
    if (text.length >= shortestSecret) this.#addBytes(Buffer.from(text));
  }

  #addBytes(bytes: Buffer): void {
    this.#forms.set(bytes.toString("latin1"), bytes);
  }
}

/** Every form of a text by itself, and with `isNested` inside others. */
function spellingsOf(text: string, isNested: boolean): ReadonlySet<string> {
  const once = new Set([...spelt(text, escapes), ...escapesByPlace.map((spell) => spell(text))]);
  const all = new Set(once);
  if (!isNested) return all;
  for (const form of [...once, text]) for (const nested of spelt(form, carriers)) all.add(nested);
  for (const carry of carriers.slice(0, 6)) {
    let nested = text;
    for (let depth = 0; depth < jsonDepth; depth += 1) {
      nested = carry(nested);
      all.add(nested);
    }
  }
  return all;
}

/** The resulting forms; forms that are equal count once. */
function spelt(text: string, spellings: readonly Escape[]): readonly string[] {
  const signs = [...new Set(text.replaceAll(/[A-Za-z\d]+/g, ""))].join("");
  const seen = new Set([signs]);
  return spellings.flatMap((spell) => {
    const written = spell(signs);
    if (seen.has(written)) return [];
    seen.add(written);
    return [spell(text)];
  });
}

/** As bytes in encodings other than UTF-8. Text outside Latin-1 has no such form. */
function otherBytes(text: string): readonly Buffer[] {
  const wide = Buffer.from(text, "utf16le");
  const latin = [...text].every((character) => character <= "\xff") ? [Buffer.from(text, "latin1")] : [];
  return [wide, Buffer.from(wide).swap16(), ...latin];
}

/** The password in the value's URL, as clients parse it; one that equals the user name is not a secret. */
function passwordIn(value: string): string | null {
  const url = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? URL.parse(value) : null;
  if (!url || url.password === url.username) return null;
  return percentDecoded(url.password);
}

function percentDecoded(text: string): string {
  const bytes: number[] = [];
  for (const [piece, hex] of text.matchAll(/%([\da-f]{2})|[^%]+|%/gi)) {
    bytes.push(...(hex === undefined ? Buffer.from(piece) : [Number.parseInt(hex, 16)]));
  }
  return Buffer.from(bytes).toString();
}

/** The value if it is one line; otherwise its lines without indentation, so that a single line in a log is found. */
function linesOf(value: string): readonly string[] {
  if (!/[\r\n]/.test(value)) return [value];
  const lines = value.split(/[\r\n]+/).flatMap((line) => {
    const bare = line.trim();
    const isFrame = /^-----(?:BEGIN|END) [A-Z\d ]+-----$/.test(bare);
    return isFrame ? [] : [bare.length >= shortestSecret ? bare : line];
  });
  const long = lines.filter((line) => line.length >= shortestSecret);
  return long.length > 0 ? long : [value];
}

/** A text in pieces that overlap, never cut inside a character. */
function piecesOf(text: string): readonly string[] {
  if (text.length <= longestPiece) return [text];
  const pieces: string[] = [];
  for (let from = 0; from < text.length - overlap; from += longestPiece - overlap) {
    const start = Math.min(from, text.length - longestPiece);
    pieces.push(text.slice(characterStart(text, start), characterStart(text, start + longestPiece)));
  }
  return pieces;
}

function characterStart(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000 ? at - 1 : at;
}

/** In base64 by itself, with and without padding, inside a larger text, and in a URL. */
function base64Of(bytes: Buffer): readonly string[] {
  const padded = bytes.toString("base64");
  const texts = [...insidesOf(bytes), padded, padded.replace(/=+$/, "")];
  return texts.flatMap((text) => {
    const inUrl = text.replaceAll("+", "%2B").replaceAll("/", "%2F").replaceAll("=", "%3D");
    const inJson = text.replaceAll("/", "\\/");
    return [text, text.replaceAll("+", "-").replaceAll("/", "_"), inUrl, inUrl.replaceAll(/%../g, lower), inJson];
  });
}

/** The characters of base64 and base64url (six bits each) that depend only on the bytes, at all three alignments. */
function insidesOf(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const inside = encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [inside, inside.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

function lower(text: string): string {
  return text.toLowerCase();
}
