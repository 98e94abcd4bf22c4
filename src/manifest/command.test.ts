// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the manifest's own references

import { describe, expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { splitCommand } from "./command.ts";

describe("splitCommand", () => {
  test.for([
    ["node server.js", ["node", "server.js"]],
    ["  node \t server.js  ", ["node", "server.js"]],
    [`a "b c" 'd e' f\\ g`, ["a", "b c", "d e", "f g"]],
    [`a --name="b c"d`, ["a", "--name=b cd"]],
    [`a ''  ""`, ["a", "", ""]],
    [`a "\\"\\$\\\\\\n"`, ["a", `"$\\\\n`]],
    [`a '$X | y'`, ["a", "$X | y"]],
    [`a 5$ $`, ["a", "5$", "$"]],
    ["a --glob=* b=c", ["a", "--glob=*", "b=c"]],
  ] as const)("%s", ([line, words]) => {
    expect(splitCommand(line)).toEqual({ ok: true, words });
  });

  test.for([
    "a | b",
    "a; b",
    "a && b",
    "a > b",
    "a < b",
    "(a)",
    "a $(b)",
    "a `b`",
    'a "`b`"',
    "a $B",
    'a "${B}"',
    "A=1 b",
    "a\nb",
  ])("%s needs a shell and is refused", (line) => {
    const split = splitCommand(line);
    expect(split.ok).toBe(false);
    if (!split.ok) expect(split.message).toMatch(/shell|one line/);
  });

  test.for(["", "   ", '"a', "'a", "a \\", '""', "x".repeat(8_193)])("%s is no command", (line) => {
    expect(splitCommand(line).ok).toBe(false);
  });

  test("arguments in single quotes come out as they went in", () => {
    const argument = fc.string({ unit: "binary-ascii", maxLength: 40 });
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 8 }), (given) => {
        const line = ["run", ...given].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
        expect(splitCommand(line)).toEqual({ ok: true, words: ["run", ...given] });
      }),
    );
  });
});
