import { parseDuration } from "../../base/duration.ts";

/** The moment of every case. */
export const caseNow = 1_893_499_200_000;

/** A line's words: those that stand for themselves, and those like `name=value`. */
export class Words {
  readonly plain: readonly string[];
  readonly #named: ReadonlyMap<string, string>;

  constructor(words: readonly string[]) {
    this.plain = words.filter((word) => !word.includes("="));
    const named = words.filter((word) => word.includes("="));
    this.#named = new Map(named.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
  }

  has(word: string): boolean {
    return this.plain.includes(word) || this.#named.has(word);
  }

  at(place: number): string {
    return this.plain[place] ?? "";
  }

  text(name: string): string | null {
    return this.#named.get(name) ?? null;
  }

  number(name: string): number {
    return Number(this.#named.get(name) ?? 0);
  }

  list(name: string): readonly string[] {
    return this.#named.get(name)?.split(",") ?? [];
  }

  /** A time that is so long ago; null when the word is not there. */
  ago(name: string): number | null {
    const text = this.#named.get(name);
    return text === undefined ? null : caseNow - (parseDuration(text) ?? 0);
  }
}
