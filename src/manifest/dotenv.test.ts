import { describe, expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { readDotenv, writeDotenv } from "./dotenv.ts";

function values(text: string): Record<string, string> {
  const reading = readDotenv(text);
  return reading.ok ? Object.fromEntries(reading.values) : expect.fail(JSON.stringify(reading.diagnostics));
}

function diagnostics(text: string): string[] {
  const reading = readDotenv(text);
  if (reading.ok) return expect.fail("it was read");
  return reading.diagnostics.map(({ path, message, line }) => `${line}: ${path} ${message}`);
}

describe("a .env file", () => {
  test.each([
    ["A=1\nB = two words \nC=\n", { A: "1", B: "two words", C: "" }],
    ["\uFEFFexport A=1\r\nB=2\rC=3", { A: "1", B: "2", C: "3" }],
    ["# all of it\n\n  A=1 # and a comment\nB='x#y'\nC=#z", { A: "1", B: "x#y", C: "" }],
    ['A=\'single $X \\n\' # c\nB="a \\"b\\" \\\\ \\$X\\n\\tz"', { A: "single $X \\n", B: 'a "b" \\ $X\n\tz' }],
    ["A=\"-----BEGIN\nline=two\n-----END\"\nB='x\ny'", { A: "-----BEGIN\nline=two\n-----END", B: "x\ny" }],
    ["URL=postgres://u:p@h:5432/d?x=1&y=2", { URL: "postgres://u:p@h:5432/d?x=1&y=2" }],
    ["A='${B}-$C'\nB=\"`id`\"\nC=pa$-$1-$\nD=a `b` # $X", { A: "${B}-$C", B: "`id`", C: "pa$-$1-$", D: "a `b`" }],
  ])("%j", (text, wanted) => {
    expect(values(text)).toEqual(wanted);
  });

  test("names every fault by its line, and no value", () => {
    const text = "A=ok\ncanary one\n1A=canary\nB='x' canary\nA=canary\nC=\"canary\nD=canary\n";
    const said = diagnostics(text);
    expect(said).toEqual(
      [
        "2:  is not NAME=value, a comment or empty",
        "3:  has no name before the = – letters, digits and _ only",
        "4: B continues after the closing ' – put all of it in quotes",
        "5: A occurs twice – keep one",
        '6: C has a " that is not closed',
      ].concat(said.slice(5)),
    );
    expect(said.join()).not.toContain("canary");
    expect(diagnostics(`A=${"x".repeat(40_000)}`)).toEqual(["1: A is longer than 32768 characters"]);
    expect(diagnostics("A='a\0b'")).toEqual(["1: A holds a NUL character"]);
  });

  test.each([
    ["A=postgres://app:${PW}@db/app", "1: A has a reference"],
    ["A=$B-x", "1: A has a reference"],
    ["A=$(id)", "1: A has a reference"],
    ['A="x\ny ${B:-z}"', "1: A has a reference"],
    ['A="\\\\$B"', "1: A has a reference"],
    ['A=`say "hi"`', "1: A is in backticks"],
    ["\nA=abc#def", "2: A has a # inside"],
  ])("%j is complained about, because readers differ", (text, wanted) => {
    expect(diagnostics(text)).toEqual([expect.stringContaining(wanted)]);
  });

  test("is read back as it was written, whatever the values are", () => {
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);
    // A lone carriage return is written as an escape, NUL is no value at all.
    const value = fc.string({ unit: "binary" }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (wanted) => {
        expect(values(writeDotenv(wanted))).toEqual(wanted);
      }),
    );
  });

  test("whatever it is, it is read or complained about, and complaints hold nothing of it", () => {
    const line = fc.oneof(
      fc.constantFrom("A=", "'", '"', "\\", "#", "export ", "=", " ", "\n", "\r\n", "é", 'B="', "C='x'"),
      fc.string({ unit: "binary", maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (parts) => {
        const text = parts.join("");
        const reading = readDotenv(text);
        if (reading.ok) {
          expect(Object.fromEntries(reading.values)).toEqual(values(writeDotenv(Object.fromEntries(reading.values))));
        } else {
          const lines = text.split(/\r\n?|\n/).length;
          for (const one of reading.diagnostics) expect(one.line).toBeLessThanOrEqual(lines);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test.for([
  ["a quote that is never closed", 'A="', "x\n"],
  ["one in a long line", "", `A='${"x".repeat(30)}`],
  ["backslashes", 'A="', "\\\\\n"],
  ["quotes kept from closing", 'A="', '\\"\n'],
  ["white space", "A=x", " \t"],
  ["white space and signs of comments", "A=x", " \t#"],
  ["open quotes in every line", "", "A='\n"],
  ["names without a value", "", "export export \n"],
  ["references", "A=", "${"],
] as const)("the cost of %s grows with the length of the file and no faster", ([, before, unit]) => {
  // The least of three: compiling and collecting garbage are no cost of the text.
  const cost = (times: number) => {
    const text = before + unit.repeat(times);
    const costs = [1, 2, 3].map(() => {
      const began = process.cpuUsage();
      readDotenv(text);
      return process.cpuUsage(began).user;
    });
    return Math.min(...costs);
  };
  cost(1_000);
  const times = Math.floor(200_000 / unit.length);
  expect(cost(4 * times)).toBeLessThan(10 * cost(times) + 50_000);
});
