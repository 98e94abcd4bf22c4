import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRedactor, type NamedSecret, noRedactor } from "./redact.ts";
import { Secret } from "./secret.ts";
import { formsOf, shortestSecret } from "./secret-forms.ts";

const named = (...values: readonly string[]): NamedSecret[] =>
  values.map((value, place) => ({ name: `S${place}`, value: new Secret(value) }));
const hide = (text: string, ...values: readonly string[]) => createRedactor(named(...values)).text(text);

/** All answers of a stream that is cut into pieces of these sizes. */
function streamed(redactor: ReturnType<typeof createRedactor>, bytes: Uint8Array, sizes: readonly number[]): string {
  const stream = redactor.stream();
  const given: Buffer[] = [];
  for (let from = 0, i = 0; from < bytes.length; i += 1) {
    const size = Math.max(1, sizes[i % Math.max(1, sizes.length)] ?? 1);
    given.push(Buffer.from(stream.push(bytes.subarray(from, from + size))));
    from += size;
  }
  given.push(stream.end());
  return Buffer.concat(given).toString();
}

const value = fc
  .string({ unit: "grapheme", minLength: shortestSecret, maxLength: 40 })
  .filter((text) => text.trim() === text && text.length >= shortestSecret && !/[[\]\r\n]/.test(text));
const noise = fc.string({ unit: "grapheme", maxLength: 30 });
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });

/** The spellings that are promised; the test makes them by other means than the product where it can. */
const spellings: readonly ((secret: string, before: string) => string)[] = [
  (secret) => secret,
  (secret) => Buffer.from(secret).toString("base64"),
  (secret) => Buffer.from(secret).toString("base64url"),
  (secret) => encodeURIComponent(secret),
  (secret) => new URLSearchParams({ a: secret }).toString().slice(2),
  (secret) => encodeURIComponent(secret).replaceAll(/%../g, (hex) => hex.toLowerCase()),
  (secret) => JSON.stringify(secret).slice(1, -1),
];

describe("redaction", () => {
  test("names the secret that stood there", () => {
    expect(hide("key=abc-123-xyz; again abc-123-xyz.", "abc-123-xyz")).toBe("key=[secret S0]; again [secret S0].");
    expect(hide("a lonely-secret b", "other-secret", "lonely-secret")).toBe("a [secret S1] b");
  });

  test("finds it inside Basic authorisation, at each of the three alignments", () => {
    for (const user of ["a", "ab", "abc"]) {
      const header = `Basic ${Buffer.from(`${user}:hunter2hunter2`).toString("base64")}`;
      const hidden = hide(header, "hunter2hunter2");
      expect(hidden).toContain("[secret S0]");
      expect(Buffer.from(hidden.slice(6), "base64").toString()).not.toContain("hunter2");
    }
  });

  test("finds every line of a secret with several", () => {
    const pem = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----";
    expect(hide(`one\n  MIIEvQIBADANBg\nkqhkiG9w0BAQEF`, pem)).toBe("one\n  [secret S0]\n[secret S0]");
  });

  test("secrets that overlap and hold one another leave nothing over", () => {
    expect(hide("xabcdefghijklx", "abcdefgh", "efghijkl", "cdefgh")).toBe("x[secret S0]x");
    expect(hide("password1 password12 password123", "password1", "password123")).toBe(
      "[secret S0] [secret S0]2 [secret S1]",
    );
  });

  test("what is shorter than six characters is an ordinary word", () => {
    expect(formsOf("short")).toEqual([]);
    expect(createRedactor(named("short", "12345"))).toBe(noRedactor);
  });

  test("holds for any secret, in every spelling, in any chunking of a stream", () => {
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(noise, fc.nat(), fc.nat()), { minLength: 1, maxLength: 6 }),
        sizes,
        (secrets, parts, cuts) => {
          const redactor = createRedactor(named(...secrets));
          const written = parts.map(([before, which, how]) => {
            const secret = secrets[which % secrets.length] ?? "";
            return { before, spelt: spellings[how % spellings.length]?.(secret, before) ?? "" };
          });
          const text = written.map(({ before, spelt }) => `${before}${spelt}`).join(" ");
          const bytes = Buffer.from(text);
          const whole = redactor.text(text);
          expect(streamed(redactor, bytes, cuts)).toBe(whole);
          const marks = /\[secret S\d\]/g;
          const left = whole.replaceAll(marks, "\0");
          for (const { spelt } of written) if (spelt.length >= shortestSecret) expect(left).not.toContain(spelt);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("does not touch what holds no secret, also where it is no UTF-8", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), sizes, (bytes, cuts) => {
        const redactor = createRedactor(named("a-secret-that-is-not-there"));
        const input = Buffer.from(bytes);
        expect(redactor.bytes(input)).toBe(input);
        expect(streamed(redactor, bytes, cuts)).toBe(input.toString());
      }),
    );
  });
});
