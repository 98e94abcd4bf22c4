import { describe, expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { oneLine, plainJson, printable } from "./printable.ts";

const acting =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff\u00ad\u061c\u2028\u2029]/;

describe("a text of somebody else", () => {
  test.for([
    ["a title", "\x1b]0;mine\x07x", "]0;minex"],
    ["a cursor that moves", "a\x1b[2A\x9b1Kb\x08", "a[2A1Kb"],
    ["another direction", "\u202egnp.exe\u2069\u200f", "gnp.exe"],
    ["what has no width", "pay\u200bpal\u2060\ufeff\u00ad\u115f\u3164", "paypal"],
    ["tags", "ok\u{e0041}\u{e007f}", "ok"],
    ["half a character", "a\ud83db", "ab"],
    ["marks without an end", `e${"\u0301".repeat(500)}`, `e${"\u0301".repeat(30)}`],
    ["emoji and accents", "👨‍👩‍👧 ❤️ é 日本 שלום", "👨‍👩‍👧 ❤️ é 日本 שלום"],
    ["lines", "a\r\nb\rc\td", "a\nbc\td"],
  ])("of %s acts no more", ([, text = "", wanted]) => {
    expect(printable(text)).toBe(wanted);
  });

  test("stays within its line and its length", () => {
    expect(oneLine("ok\n2026-01-01 admin\r\ndid\tit\u2028all\u0085")).toBe("ok 2026-01-01 admin did it all");
    expect(oneLine("x".repeat(50), 10)).toBe("xxxxxxxxx…");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        expect(printable(text)).not.toMatch(acting);
        expect(oneLine(text)).not.toMatch(/[\n\t]/);
        expect(printable(printable(text))).toBe(printable(text));
      }),
    );
  });

  test("is the same in JSON, where every character is seen", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        const json = plainJson({ text });
        expect(json).not.toMatch(acting);
        expect(JSON.parse(json)).toEqual({ text });
      }),
    );
    expect(plainJson("\u202ea\x9b\ud800")).toBe('"\\u202ea\\u009b\\ud800"');
  });
});
