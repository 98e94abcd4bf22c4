import { createHash, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { secretInSource } from "./rules/secret-in-source.ts";
import { secretsIn } from "./secrets.ts";
import type { Subject } from "./subject.ts";

// Every key is put together while the test runs, so that none stands in this repository.
const alphabets = {
  word: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
  hex: "0123456789abcdef",
  letters: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
  base32: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
  base64: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
} as const;

/** Text that looks random and is the same in every run. */
function random(length: number, kind: keyof typeof alphabets = "word"): string {
  const letters = alphabets[kind];
  const bytes = createHash("shake256", { outputLength: length }).update(`${kind}${length}`).digest();
  return [...bytes].map((byte) => letters[byte % letters.length]).join("");
}

const joined = (...parts: readonly string[]) => parts.join("");
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const webToken = (payload: object) => [encoded({ alg: "HS256", typ: "JWT" }), encoded(payload), random(43)].join(".");
const pem = (type: "pkcs1" | "pkcs8") =>
  generateKeyPairSync("rsa", { modulusLength: 512 }).privateKey.export({ type, format: "pem" }).toString();
const ed25519 = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ type: "sec1", format: "pem" })
  .toString();
const openSsh = (cipher: string) => {
  const size = Buffer.from([0, 0, 0, cipher.length]);
  const bytes = Buffer.concat([Buffer.from("openssh-key-v1\0"), size, Buffer.from(cipher), Buffer.alloc(120, 7)]);
  return joined(
    "-----BEGIN OPENSSH ",
    `PRIVATE KEY-----\n${bytes.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----`,
  );
};
const begin = joined("-----BEGIN ", "PRIVATE KEY-----");

/** The body of a token from articles about the checksum, with the checksum that GitHub gave it. */
const published = joined("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17");

/** Real forms: live, wherever they stand in code. */
const live: readonly (readonly [string, string])[] = [
  ["a GitHub token", joined("ghp_", published)],
  ["a GitHub token", joined("github_pat_", random(22), "_", random(59))],
  ["an npm token", joined("npm_", published)],
  ["an AWS access key", `id = "${joined("AKIA", random(16, "base32"))}"\nsecret = "${random(40, "base64")}"`],
  ["a Slack token", joined("xoxb-", "274859301746-2748593017462-", random(24))],
  ["a Slack token", joined("xapp-1-", "A02K5PQ7R9T-2748593017462-", random(64, "hex"))],
  ["a Slack webhook", joined("https://hooks.slack.com/", "services/T02K5PQ7R/B02K5PQ7R/", random(24))],
  ["a Stripe key", joined("sk_live_", random(24))],
  ["a Stripe key", joined("rk_live_", random(99))],
  ["a GitLab token", joined("glpat-", random(20))],
  ["an OpenAI key", joined("sk-", random(20), "T3BlbkFJ", random(20))],
  ["an OpenAI key", joined("sk-proj-", random(74), "T3BlbkFJ", random(74))],
  ["an OpenAI key", joined("sk-", random(32, "hex"))],
  ["an Anthropic key", joined("sk-ant-", "api03-", random(93), "AA")],
  ["a SendGrid key", joined("SG.", random(22), ".", random(43))],
  ["a Telegram bot token", joined("7418529630:", "AA", random(33))],
  ["a Google OAuth secret", joined("GOCSPX-", random(28))],
  ["a Google API key", `GEMINI_API_KEY = "${joined("AIza", random(35))}"`],
  ["a Hugging Face token", joined("hf_", random(34, "letters"))],
  ["a DigitalOcean token", joined("dop_v1_", random(64, "hex"))],
  ["a PyPI token", joined("pypi-", "AgEIcHlwaS5vcmc", random(120))],
  ["a Shopify token", joined("shpat_", random(32, "hex"))],
  ["a Supabase service key", webToken({ iss: "supabase", ref: "qwhzntrkxs", role: "service_role" })],
  ["a Mapbox secret token", joined("sk.", encoded({ u: "shop", a: random(25) }), ".", random(22))],
  ["a Discord bot token", [Buffer.from("417285930174628593").toString("base64"), random(6), random(38)].join(".")],
  ["a private key", pem("pkcs1")],
  ["a private key", pem("pkcs8")],
  ["a private key", ed25519],
  ["a private key", ec],
  ["a private key", openSsh("none")],
  ["a private key", JSON.stringify({ type: "service_account", private_key: pem("pkcs8") })],
  [
    "a private key",
    ed25519
      .trim()
      .split("\n")
      .map((line) => `  "${line}\\n" +`)
      .join("\n"),
  ],
  [
    "an address with a password",
    joined("postgres://shop:", random(16), "@db.shop-prod.eu-west-1.rds.amazonaws.com/shop"),
  ],
  ["an address with a password", joined("redis://:", random(24), "@cache.internal:6379")],
];

/** May be one: a warning. */
const perhaps: readonly (readonly [string, string])[] = [
  ["a checksum that is wrong", joined("ghp_", random(36))],
  ["an id of AWS without its secret", joined("AKIA", random(16, "base32"))],
  ["a Google key of which nothing says what it opens", `key: "${joined("AIza", random(35))}"`],
  ["an encrypted key", ed25519.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")],
  ["an encrypted key of OpenSSH", openSsh("aes256-ctr")],
  ["a key whose end is missing", ed25519.replace(/.{8}\n-----END/, "\n-----END").replace("MC4C", "MC5C")],
  ["a written password of a database elsewhere", joined("mysql://shop:", "summer@mysql.shop-prod.com/shop")],
  ["a generated password of a database beside the app", joined("postgres://shop:", random(16), "@db:5432/shop")],
];

/** No secret at all: public by design, an example, throw-away, or code that reads keys. */
const harmless: readonly (readonly [string, string])[] = [
  ["Firebase's web config", `{ apiKey: "${joined("AIza", random(35))}", authDomain: "shop.firebaseapp.com" }`],
  ["a browser key of maps", `<script src="https://maps.googleapis.com/maps/api/js?key=${joined("AIza", random(35))}">`],
  ["a variable that a bundler puts into pages", `VITE_GEMINI_KEY=${joined("AIza", random(35))}`],
  ["Stripe's publishable key", joined("pk_live_", random(24))],
  ["Mapbox's public token", joined("pk.", encoded({ u: "shop", a: random(25) }), ".", random(22))],
  ["Sentry's DSN", `https://${random(32, "hex")}@o447951.ingest.sentry.io/5430285`],
  ["Sentry's older DSN", `https://${random(32, "hex")}:${random(32, "hex")}@sentry.acme.io/2`],
  ["Algolia's search key", `algoliasearch("LATENCY", "${random(32, "hex")}")`],
  ["reCAPTCHA's site key", `sitekey: "6Lc${random(37)}"`],
  ["Supabase's anon key", webToken({ iss: "supabase", ref: "qwhzntrkxs", role: "anon" })],
  ["Supabase's publishable key", joined("sb_publishable_", random(22))],
  ["the service key of Supabase's local stack", webToken({ iss: "supabase-demo", role: "service_role" })],
  ["AWS's documented id and secret", joined("AKIA", "IOSFODNN7EXAMPLE ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")],
  ["a row of x", `OPENAI_API_KEY=${joined("sk-", "x".repeat(48))}`],
  ["a row of digits", joined("ghp_", "1234567890".repeat(4).slice(0, 36))],
  ["a placeholder", joined("sk_live_", "your_key_goes_here_0123")],
  ["a class of a style sheet", "sk-folding-cube-with-a-rather-long-name-of-its-own"],
  [
    "throw-away passwords beside the app",
    "postgres://runner:runnerpw@localhost/t postgresql://dev:devpass@db:5432/dev",
  ],
  ["a password for an example", "postgresql://scott:tiger7X9q@db.example.com/shop"],
  ["words for passwords", "postgres://user:changeme@pg.acme.io/x mysql://u:your-password@db.acme.io/y"],
  ["references", `postgres://app:${"$"}{PW}@db.acme.io/x amqp://%(user)s:%(pw)s@mq.acme.io//`],
  ["a marker that code takes off", `pem.replace("${begin}", "").replace("${begin.replace("BEGIN", "END")}", "")`],
  ["a shortened key", `${begin}\\nMIIEvQIBADANBg...\\n${begin.replace("BEGIN", "END")}`],
];

describe("what is recognised", () => {
  test.each(live)("%s is live (%#)", (what, text) => {
    expect(secretsIn({ path: "app.ts", text })).toEqual([{ what, at: expect.any(Number), isLive: true }]);
  });

  test.each(perhaps)("%s may be one", (_, text) => {
    expect(secretsIn({ path: "app.ts", text })).toEqual([expect.objectContaining({ isLive: false })]);
  });

  test.each(harmless)("%s is none", (_, text) => {
    expect(secretsIn({ path: "app.ts", text })).toEqual([]);
  });
});

const key = joined("sk_live_", random(24));
const excuse = "fairlead:allow secret-in-source because it is revoked";

/** Lines and severities of the findings in one file; null is the rule's own severity. */
const found = (path: string, text: string) =>
  secretInSource
    .look({ files: [{ path, text }] } as unknown as Subject)
    .map(({ at, severity }) => ["line" in at ? at.line : 0, severity ?? null]);

test.each([
  ["src/pay.ts", `stripe("${key}")`, null],
  ["settings.py", `A = """\n"""\nKEY = "${key}"`, null],
  ["config/prod.yml", `tests: no\nkey: ${key}`, null],
  ["src/glob.js", `all("**/*.js");\nkey = "${key}"`, null],
  ["src/pay.ts", `// stripe("${key}")`, "warning"],
  ["src/pay.ts", `pay(); // like ${key}`, "warning"],
  ["src/pay.ts", `/*\n  pay("${key}")\n*/`, "warning"],
  ["app.py", `def pay():\n    """\n    pay("${key}")\n    """`, "warning"],
  ["tests/pay.py", `KEY = "${key}"`, "warning"],
  ["src/__fixtures__/pay.json", `{"key":"${key}"}`, "warning"],
  ["docs/pay.md", `use ${key}`, "warning"],
  [".env.example", `KEY=${key}`, "warning"],
  ["certs/localhost-key.pem", key, "warning"],
] as const)("%s: %j is %s", (path, text, severity) => {
  expect(found(path, text)).toEqual([[text.slice(0, text.indexOf(key)).split("\n").length, severity]]);
});

test("an excuse on a line, or above it, excuses one finding", () => {
  expect(found("a.ts", `pay("${key}") // ${excuse}\npay("${key}")`)).toEqual([[2, null]]);
  expect(found("a.ts", `// ${excuse}\npay("${key}")\npay("${key}")`)).toEqual([[3, null]]);
  expect(found("key.pem", `${excuse}\n${ed25519}`)).toEqual([]);
  expect(found("a.ts", `pay("${key}") // fairlead:allow secret-in-source because`)).toEqual([[1, null]]);
});

test("text of a hostile shape is read in time", () => {
  const before = process.cpuUsage();
  const far = `${joined("AIza", random(35))} """\n`;
  for (const piece of [
    "-eyJ",
    "a://",
    "a://b:",
    `${begin}`,
    "sk-",
    "SG.a",
    "AKIA ",
    '"""',
    "/*\n",
    "xoxb-1-",
    "a://u:summer@h.io\n",
    far,
  ]) {
    secretInSource.look({
      files: [{ path: "a.py", text: piece.repeat(250_000 / piece.length) }],
    } as unknown as Subject);
  }
  expect(process.cpuUsage(before).user).toBeLessThan(4_000_000);
});
