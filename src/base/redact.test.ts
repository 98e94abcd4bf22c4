import { describe, expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { createRedactor, noRedactor, type Redactor } from "./redact.ts";
import { Secret } from "./secret.ts";

const of = (values: Readonly<Record<string, string>>): Redactor =>
  createRedactor(Object.entries(values).map(([name, value]) => ({ name, value: new Secret(value) })));

const oneLine = fc.string({ minLength: 6, maxLength: 60, unit: "grapheme" }).filter((text) => text.trim().length >= 6);
/** Long enough not to be in the surroundings by chance, so that what is left can be asked for it. */
const longSecret = fc.string({ minLength: 16, maxLength: 60, unit: "grapheme-ascii" }).filter((t) => t.trim() === t);
const around = fc.string({ maxLength: 40, unit: "grapheme" });
const encoders: Readonly<Record<string, (secret: string) => string>> = {
  raw: (secret) => secret,
  base64: (secret) => Buffer.from(secret).toString("base64"),
  base64url: (secret) => Buffer.from(secret).toString("base64url"),
  "percent-encoded": (secret) => encodeURIComponent(secret.toWellFormed()),
  "percent-encoded in lower case": (secret) =>
    encodeURIComponent(secret.toWellFormed()).replaceAll(/%../g, (hex) => hex.toLowerCase()),
  "form-encoded": (secret) => new URLSearchParams({ "": secret }).toString().slice(1),
  "base64 in a query": (secret) => encodeURIComponent(Buffer.from(secret).toString("base64")),
  json: (secret) => JSON.stringify(secret).slice(1, -1),
};

describe("redaction", () => {
  test("puts the name in place of the value", () => {
    const redactor = of({ API_KEY: "sk-4711-abcdef", SHORT: "abcde" });
    expect(redactor.text("key=sk-4711-abcdef, abcde")).toBe("key=[secret API_KEY], abcde");
  });

  test("costs nothing and changes nothing without a secret", () => {
    expect(of({})).toBe(noRedactor);
    expect(of({ PORT: "8080" })).toBe(noRedactor);
    const bytes = Buffer.from("nothing here");
    expect(of({ KEY: "hunter2-hunter2" }).bytes(bytes)).toBe(bytes);
  });

  for (const [form, encode] of Object.entries(encoders)) {
    test(`finds any secret ${form}`, () => {
      fc.assert(
        fc.property(oneLine, fc.tuple(around, around), (secret, [before, after]) => {
          const redactor = of({ K: secret });
          const whole = Buffer.from(`${before}${encode(secret)}${after}`);
          const output = redactor.bytes(whole).toString();
          expect(output).toContain("[secret K]");
        }),
      );
    });
  }

  test("leaves nothing of a value behind, however often and however close it stands", () => {
    fc.assert(
      fc.property(longSecret, fc.array(around, { maxLength: 6 }), (secret, between) => {
        fc.pre(!between.some((text) => text.includes(secret)));
        const text = between.join(secret);
        const output = of({ K: secret }).text(text);
        expect(output).not.toContain(secret);
        expect(output.length).toBeLessThanOrEqual(text.length + 10 * between.length);
      }),
    );
  });

  test("finds the stable middle of base64 with anything before and after", () => {
    fc.assert(
      fc.property(
        oneLine,
        fc.uint8Array({ maxLength: 9 }),
        fc.uint8Array({ maxLength: 9 }),
        (secret, before, after) => {
          const text = Buffer.concat([before, Buffer.from(secret), after]);
          expect(of({ K: secret }).text(text.toString("base64"))).toContain("[secret K]");
          expect(of({ K: secret }).text(text.toString("base64url"))).toContain("[secret K]");
        },
      ),
    );
  });

  test("hides the password of Basic authentication and of a URL", () => {
    const redactor = of({ DATABASE_URL: "postgres://kairo:p%40ssw0rd!@db:5432/kairo" });
    expect(redactor.text("password p@ssw0rd! was refused")).toBe("password [secret DATABASE_URL] was refused");
    expect(redactor.text(`Basic ${Buffer.from("kairo:p@ssw0rd!").toString("base64")}`)).toContain(
      "[secret DATABASE_URL]",
    );
    expect(redactor.text("host db:5432, user kairo")).toBe("host db:5432, user kairo");
    expect(of({ DATABASE_URL: "postgres://postgres:postgres@db/app" }).text("postgres is up")).toBe("postgres is up");
  });

  test("hides each line of a key, and base64 that is broken into lines", () => {
    const key =
      "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----\n";
    const redactor = of({ TLS_KEY: key });
    expect(redactor.text("-----BEGIN PRIVATE KEY-----\n  AQEFAASCBKcwggSjAgEAAoIB\r\n")).toBe(
      "-----BEGIN PRIVATE KEY-----\n  [secret TLS_KEY]\r\n",
    );
    const wrapped = Buffer.from(key).toString("base64").replaceAll(/.{76}/g, "$&\n");
    expect(redactor.text(wrapped).replaceAll(/\s/g, "")).toMatch(/^(?:\[secretTLS_KEY\])+$/);
    expect(redactor.text(JSON.stringify({ key }))).toBe('{"key":"[secret TLS_KEY]"}');
    expect(of({ ODD: "ab\ncd\nef" }).text("ab\ncd\nef")).toBe("[secret ODD]");
  });

  test("finds plus for space beside escapes in both cases", () => {
    const redactor = of({ K: "one two=\u00e9/three" });
    for (const text of ["one+two%3D%C3%A9%2Fthree", "one+two%3d%c3%a9%2fthree", "one%20two%3d%c3%a9/three"]) {
      expect(redactor.text(`q=${text}&`)).toBe("q=[secret K]&");
    }
  });

  test("finds what Python and PHP make of it", () => {
    const redactor = of({ K: "straße/№ 1+1" });
    for (const text of [
      '"stra\\u00dfe/\\u2116 1+1"',
      '"stra\\u00DFe\\/\\u2116 1+1"',
      '"stra%C3%9Fe/%E2%84%96%201%2B1"',
    ]) {
      expect(redactor.text(text)).toBe('"[secret K]"');
    }
  });

  test("makes one mark of secrets that overlap or hold one another, named after the longest that begins first", () => {
    const redactor = of({ A: "abcdefgh", B: "abcdefghijkl", C: "ghijklmnopq", D: "cdefgh" });
    expect(redactor.text("<abcdefgh>")).toBe("<[secret A]>");
    expect(redactor.text("<abcdefghijkl>")).toBe("<[secret B]>");
    expect(redactor.text("<abcdefghijklmnopq>")).toBe("<[secret B]>");
    expect(redactor.text("<ghijklmnopq>")).toBe("<[secret C]>");
    expect(of({ A: "aaaaaa" }).text("a".repeat(50))).toBe("[secret A]");
  });

  test("leaves nothing of overlapping secrets, and doing it twice is doing it once", () => {
    const letters = fc.string({ minLength: 6, maxLength: 12, unit: fc.constantFrom("a", "b") });
    const text = fc.string({ maxLength: 120, unit: fc.constantFrom("a", "a", "b", "c") });
    fc.assert(
      fc.property(fc.array(letters, { minLength: 1, maxLength: 4 }), text, (values, input) => {
        const redactor = of(Object.fromEntries(values.map((value, i) => [`K${i}`, value])));
        const output = redactor.text(input);
        for (const value of values) expect(output).not.toContain(value);
        expect(redactor.text(output)).toBe(output);
      }),
      { numRuns: 2_000 },
    );
  });

  test("never alters bytes without a secret, and they need not be text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const input = Buffer.from(bytes);
        expect(of({ K: "a-secret-that-is-nowhere", L: "ffff-eeee-dddd" }).bytes(input)).toBe(input);
      }),
    );
  });

  test("does once what it does twice", () => {
    fc.assert(
      fc.property(fc.array(oneLine, { minLength: 1, maxLength: 4 }), fc.array(around), (values, between) => {
        fc.pre(values.every((value) => !/[[\]]/.test(value)));
        const redactor = of(Object.fromEntries(values.map((value, i) => [`NAME_${i}`, value])));
        const once = redactor.text(between.join(values[0]));
        expect(redactor.text(once)).toBe(once);
      }),
    );
    const odd = of({ WORD: "secret", SECRET_NAME: "[secret", LATER: "SECRET" });
    const once = odd.text("my secret is SECRET");
    expect(once).toBe("my [secret WORD] is [secret LATER]");
    expect(of({ WORD: "secret", LATER: "SECRET" }).text(once)).toBe(once);
  });

  test("cuts beside a secret, never in it", () => {
    const redactor = of({ K: "0123456789" });
    const bytes = Buffer.from("ab0123456789cd");
    expect(redactor.cut(bytes, 1)).toBe(1);
    expect(redactor.cut(bytes, 5)).toBe(2);
    expect(redactor.cut(bytes, 12)).toBe(12);
    expect(redactor.cut(bytes.subarray(2), 5)).toBe(10);
    // Of a chain of secrets that overlap, the beginning counts, however far before the cut it is.
    const chained = of({ A: "abcdefghij", B: "jklmnopqrs", C: "stuvwxyz12" });
    expect(chained.cut(Buffer.from("xxxxxxxxxabcdefghijklmnopqrstuvwxyz12"), 36)).toBe(9);
  });
});
