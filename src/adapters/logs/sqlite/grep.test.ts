import { expect, test } from "vitest";
import fc from "../../../testing/properties.ts";
import { createGrep } from "./grep.ts";

const alphabet = fc.constantFrom("a", "b", "B", "1", "_", " ", "-", "é", "\n");
const atom = fc.constantFrom(
  "a",
  "b",
  ".",
  "\\d",
  "\\w",
  "\\S",
  "[ab]",
  "[^a1]",
  "[a-z_]",
  "\\b",
  "^",
  "$",
  "\\B",
  " ",
);
const pattern: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    atom,
    fc.tuple(tie("node"), tie("node")).map(([a, b]) => a + b),
    fc.tuple(tie("node"), tie("node")).map(([a, b]) => `(?:${a}|${b})`),
    fc.tuple(tie("node"), fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "{0,}", "*?")).map(([a, q]) => `(${a})${q}`),
  ),
})).node;

test("agrees with the language's own regular expressions", () => {
  fc.assert(
    fc.property(pattern, fc.array(alphabet, { maxLength: 8 }), fc.boolean(), (source, chars, anyCase) => {
      fc.pre(source.length < 190);
      const line = chars.join("");
      const own = createGrep((anyCase ? "(?i)" : "") + source).test(line);
      expect(own).toBe(new RegExp(source, anyCase ? "is" : "s").test(line));
    }),
    { numRuns: 1_000 },
  );
});

test("takes a pattern without special characters as a text", () => {
  const grep = createGrep("GET /x");
  expect(grep.literal).toBe("GET /x");
  expect(grep.test("a GET /x")).toBe(true);
  expect(createGrep('a-b_c: "d"').literal).not.toBeNull();
  expect(createGrep("a\\.b").test("a.b")).toBe(true);
  expect(createGrep("a\\.b").test("axb")).toBe(false);
});

test.each(["(a)\\1", "(?=a)", "(?<=a)b", "a**", "*a", "(a", "a)", "[a", "[b-a]", "\\", "a{1001}", "\\p", "\\x1"])(
  "refuses %s in words",
  (source) => expect(() => createGrep(source)).toThrowError(expect.objectContaining({ code: "request.invalid" })),
);

test("refuses what is too long or too large", () => {
  for (const source of ["a".repeat(201), "((a{50}){50}){50}", "(?:[ab]{99}){9}"]) {
    expect(() => createGrep(source)).toThrowError(expect.objectContaining({ code: "request.invalid" }));
  }
});

// With backtracking each of these takes from minutes to longer than the universe; the test's time limit is the check.
test.each(["(a+)+$", "(a|aa)+$", "(.*)*x", "a*a*a*a*a*a*a*b", "(a?){30}a{30}b", "(a|b|ab)*c"])(
  "%s cannot hang",
  (source) => {
    const grep = createGrep(source);
    for (let i = 0; i < 20; i += 1) expect(grep.test(`${"a".repeat(4_000)}!`)).toBe(false);
  },
);

test("looks at the first 4,096 characters of a line", () => {
  expect(createGrep("x+y").test(`${"a".repeat(4_000)}xy`)).toBe(true);
  expect(createGrep("x+y").test(`${"a".repeat(5_000)}xy`)).toBe(false);
});
