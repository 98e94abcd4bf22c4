import { lastWriting } from "./buildkit-lines.ts";

/** Colours that the classic builder adds to the error stream of a step. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it is about
const paint = /\u001b\[(?:91|0)m/g;

/** Splits the classic builder's texts into lines, and tracks the current step. */
export class ClassicLines {
  readonly #say: (line: string) => void;
  #rest = "";
  /** The current step, without its number: `RUN npm ci`. */
  step: string | null = null;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  take(text: string): void {
    const lines = (this.#rest + text.replace(paint, "")).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
  }

  #line(line: string): void {
    this.step = /^Step \d+\/\d+ : (.*)/.exec(line)?.[1] ?? this.step;
    this.#say(lastWriting(line));
  }
}
