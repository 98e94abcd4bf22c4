/** One element of a segment: a character, any character (`?`), any number (`*`), or one of a class. */
type Sign = "any" | "many" | ((character: string) => boolean);

/** What matches one name between slashes; `**` stands for any number of names. */
type Segment = readonly Sign[] | "**";

/**
 * A pattern of .dockerignore or .gitignore: `*`, `?`, classes and `\` as Go's `filepath.Match` has them, and `**` for any
 * number of directories. Its cost grows with the length of pattern and path alone.
 */
export class Glob {
  readonly #segments: readonly Segment[];

  constructor(pattern: string) {
    this.#segments = pattern.split("/").map((part) => (/^\*{2,}$/.test(part) ? "**" : signsOf(part)));
  }

  /** Whether it means this path, or a directory above it. */
  matches(path: string): boolean {
    return this.#prefixes(path).includes(true);
  }

  /** Whether it means this path itself. */
  means(path: string): boolean {
    return this.#prefixes(path).at(-1) === true;
  }

  /** For each directory on the way down, and at last for the path, whether the pattern means it. */
  #prefixes(path: string): readonly boolean[] {
    let at = this.#onward(new Set([0]));
    return path.split("/").map((name) => {
      const next = new Set<number>();
      for (const place of at) {
        const segment = this.#segments[place];
        if (segment === "**") next.add(place);
        if (segment === "**" ? place === this.#segments.length - 1 : segment && matchesName(segment, name)) {
          next.add(place + 1);
        }
      }
      at = this.#onward(next);
      return next.has(this.#segments.length);
    });
  }

  /** `**` stands for no directory too, unless it ends the pattern. */
  #onward(places: Set<number>): Set<number> {
    for (const place of places) {
      if (this.#segments[place] === "**" && place < this.#segments.length - 1) places.add(place + 1);
    }
    return places;
  }
}

function signsOf(part: string): readonly Sign[] {
  const signs: Sign[] = [];
  const characters = [...part];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? "";
    const close = character === "[" ? characters.indexOf("]", at + 2) : -1;
    if (character === "*") {
      if (signs.at(-1) !== "many") signs.push("many");
    } else if (character === "?") signs.push("any");
    else if (close > 0) {
      signs.push(classOf(characters.slice(at + 1, close)));
      at = close;
    } else {
      if (character === "\\" && at + 1 < characters.length) at += 1;
      const wanted = characters[at];
      signs.push((one) => one === wanted);
    }
  }
  return signs;
}

function classOf(inside: readonly string[]): (character: string) => boolean {
  const isOther = inside[0] === "^" || inside[0] === "!";
  const ranges: (readonly [string, string])[] = [];
  for (let at = isOther ? 1 : 0; at < inside.length; at += 1) {
    if (inside[at] === "\\" && at + 1 < inside.length) at += 1;
    const from = inside[at] ?? "";
    const isRange = inside[at + 1] === "-" && at + 2 < inside.length;
    ranges.push([from, isRange ? (inside[at + 2] ?? from) : from]);
    if (isRange) at += 2;
  }
  return (character) => ranges.some(([from, to]) => from <= character && character <= to) !== isOther;
}

/** If a name fails after a `*`, only the last `*` takes another character; previous ones need no retry. */
function matchesName(signs: readonly Sign[], name: string): boolean {
  const characters = [...name];
  let [at, sign, star, resume] = [0, 0, -1, 0];
  while (at < characters.length) {
    const wanted = signs[sign];
    if (wanted === "many") {
      star = sign;
      resume = at;
      sign += 1;
    } else if (wanted === "any" || (typeof wanted === "function" && wanted(characters[at] ?? ""))) {
      sign += 1;
      at += 1;
    } else if (star >= 0) {
      resume += 1;
      at = resume;
      sign = star + 1;
    } else return false;
  }
  while (signs[sign] === "many") sign += 1;
  return sign === signs.length;
}
