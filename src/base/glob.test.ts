import ignore from "ignore";
import { expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { Glob } from "./glob.ts";
import { GitIgnore } from "./source-rules.ts";

const part = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom("a", "b", "*", "?", ".") });
const name = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom("a", "b", ".") });
const isPlain = (text: string) => !/(?:^|\/)\.+(?:\/|$)/.test(text);

test("patterns match what git's own rules match, seen from the root", () => {
  const pattern = fc.array(fc.oneof(part, part, fc.constant("**")), { minLength: 1, maxLength: 4 });
  const path = fc.array(name, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(pattern, path, (parts, names) => {
      const [rule, at] = [parts.join("/"), names.join("/")];
      // In git a name of stars alone is `**` in some places.
      fc.pre(isPlain(rule) && isPlain(at) && !parts.some((one) => one !== "**" && one.includes("**")));
      expect(new Glob(rule).matches(at)).toBe(ignore({ ignorecase: false }).add(`/${rule}`).ignores(at));
    }),
    { numRuns: 3_000 },
  );
});

test("classes and backslashes are those of the docker command", () => {
  const matches = (pattern: string, path: string) => new Glob(pattern).matches(path);
  expect(matches("[a-c]x", "bx")).toBe(true);
  expect(matches("[^a-c]x", "bx")).toBe(false);
  expect(matches("[\\]]x", "]x")).toBe(false);
  expect(matches("\\*x", "*x")).toBe(true);
  expect(matches("\\*x", "ax")).toBe(false);
  expect(matches("a[", "a[")).toBe(true);
});

test.for([
  ["a*".repeat(40) + "b", "a".repeat(200) + "bc"],
  ["**/a/".repeat(40) + "b", "a/".repeat(200) + "c"],
  ["**/".repeat(60) + "*a*/**/b", "aa/".repeat(200) + "c"],
  ["[a-z]*".repeat(40) + "!", "q".repeat(250)],
])("%s costs what its length says", ([pattern = "", path = ""]) => {
  const began = process.cpuUsage();
  for (let i = 0; i < 20; i += 1) expect(new Glob(pattern).matches(path)).toBe(false);
  expect(process.cpuUsage(began).user).toBeLessThan(1_000_000);
});

const gitVerdict = (text: string, path: string) =>
  new GitIgnore(text).verdict({ path: path.replace(/\/$/, ""), isDirectory: path.endsWith("/") });

test.for<[rules: string, path: string, isLeftOut: boolean | null]>([
  ["*.log", "a/b.log", true],
  ["*.log\n!keep.log", "a/keep.log", false],
  ["!keep.log\n*.log", "keep.log", true],
  ["build/", "a/build/", true],
  ["build/", "a/build", null],
  ["/build", "a/build", null],
  ["a/build", "x/a/build", null],
  ["**/a/build", "x/a/build", true],
  ["***/a", "x/y/a", true],
  ["a/**", "a/b/c", true],
  ["a/**", "a/", null],
  ["a/**/b", "a/b", true],
  ["build", "build/x", null],
  ["# a", "# a", null],
  ["\\#a\n\\!b", "!b", true],
  ["a  ", "a", true],
  ["a\\  ", "a ", true],
  ["[!a]b\r\n", "cb", true],
  ["\uFEFFa", "a", true],
  ["\n  \n/", "a", null],
])("of %j git says for %s: %s", ([rules, path, isLeftOut]) => {
  expect(gitVerdict(rules, path)).toBe(isLeftOut);
});

test("a hostile .gitignore costs what its length says", () => {
  const began = process.cpuUsage();
  const rules = `${"**/a/".repeat(40)}b\n`.repeat(20);
  expect(gitVerdict(rules, `${"a/".repeat(100)}c`)).toBeNull();
  expect(process.cpuUsage(began).user).toBeLessThan(1_000_000);
});
