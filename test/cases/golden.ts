import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";

/** A golden case: what is given, a line `----`, and what must come of it. */
export interface GoldenCase {
  readonly file: string;
  readonly text: string;
  readonly expected: string;
}

/** The cases of a directory, one a `.case` file. */
export function goldenCases(directory: string): readonly GoldenCase[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".case"))
    .map((file) => {
      const [text = "", expected = ""] = readFileSync(join(directory, file), "utf8").split(/^----\n/m);
      return { file, text, expected };
    });
}

/** Compares what came of a case with what must; with UPDATE=1 in the environment it is written there instead. */
export function judgeGolden(directory: string, { file, text, expected }: GoldenCase, given: string): void {
  if (process.env.UPDATE === "1") writeFileSync(join(directory, file), `${text}----\n${given}`);
  else expect(given).toBe(expected);
}
