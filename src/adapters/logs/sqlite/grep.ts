import { RE2JS, RE2JSSyntaxException } from "re2js";
import { Fault } from "../../../base/faults.ts";

/** Longest pattern, its largest program, and how much of a line is checked: enough for people, too little for harm. */
const limits = { characters: 200, instructions: 500, line: 4 * 1024 } as const;

export interface Grep {
  test(line: string): boolean;
  /** A text that every matching line must contain; quick to search for in many lines at once. Null if there is none. */
  readonly literal: string | null;
}

/**
 * A regular expression in RE2's syntax (github.com/google/re2/wiki/Syntax), which takes time proportional to the line,
 * whatever the pattern and the line are; `.` also matches a line's inner line ends. Fault `request.invalid` for any
 * other pattern, and for one that is too large. Checks the first 4,096 characters of a line.
 */
export function createGrep(source: string): Grep {
  if (source.length > limits.characters) throw refusal(`a pattern has at most ${limits.characters} characters`);
  if (!/[\\^$.*+?()[\]{}|]/.test(source)) {
    return { literal: source, test: (line) => line.slice(0, limits.line).includes(source) };
  }
  const pattern = compile(source);
  if (pattern.programSize() > limits.instructions) {
    throw refusal("the pattern is too large when its counts are expanded");
  }
  return { literal: null, test: (line) => pattern.test(line.slice(0, limits.line)) };
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source, RE2JS.DOTALL);
  } catch (thrown) {
    if (thrown instanceof RE2JSSyntaxException) throw refusal(`${thrown.getDescription()}: ${thrown.getPattern()}`);
    throw thrown;
  }
}

function refusal(why: string): Fault {
  return new Fault("request.invalid", `grep: ${why}`, {
    hint: "Write a plain text or an RE2 regular expression; put \\ before a literal special character.",
  });
}
