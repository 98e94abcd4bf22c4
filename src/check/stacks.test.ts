// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the manifest's own references
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Secret } from "../base/secret.ts";
import { formatDiagnostic } from "../manifest/diagnostic.ts";
import { readManifest } from "../manifest/read.ts";
import { resolveVariables } from "../manifest/resolve.ts";
import { check } from "./run.ts";
import type { KnownValue } from "./subject.ts";

type Values = Readonly<Record<string, string>>;

const hex = "0123456789abcdef".repeat(4);
const random = "Zk3vQ9xT1mB7rL5wN8yC2dF6hJ4sG0pA";
// Keys that are none, put together so that they do not stand here as keys.
const openai = ["sk", "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1bC3"].join("-");
const anthropic = ["sk", "ant", "aB3dE5gH7jK9mN1pQ3sT5vW7"].join("-");
const apify = ["apify", "api", "aB3dE5gH7jK9mN1pQ3sT5vW7"].join("_");

/** What somebody sets in production before the first deployment. */
const set: Readonly<Record<string, Values>> = {
  kairo: {
    DJANGO_SECRET_KEY: random,
    DATABASE_URL: "postgresql://kairo:f8Gh2kLm@db.kairo.internal:5432/kairo",
    CELERY_BROKER_URL: "redis://cache.kairo.internal:6379/0",
    OPENAI_API_KEY: openai,
    APIFY_TOKEN: apify,
  },
  "beyond-stars": {
    DJANGO_SECRET_KEY: random,
    SERVICE_TOKEN: hex,
    GOOGLE_API_KEY: "production-google-5f2c",
    DATABASE_URL: "postgresql://kairos:f8Gh2kLm@db.kairos.internal:5432/kairos",
  },
  kickai: { GOOGLE_API_KEY: "production-google-key", TELEGRAM_BOT_TOKEN: "production-bot-token" },
  pixie: {
    INTERNAL_API_KEY: hex,
    DATABASE_URL: "postgres://pixie:f8Gh2kLm@db.pixie.internal/pixie",
    OPENAI_API_KEY: openai,
    ANTHROPIC_API_KEY: anthropic,
  },
  godo: {
    SUPABASE_HOST: "db.godo.supabase.co",
    SUPABASE_DB_PASSWORD: "f8Gh2kLm",
    SUPABASE_URL: "https://godo.supabase.co",
    SUPABASE_KEY: "anon-5f2c",
    SUPABASE_SERVICE_KEY: "service-5f2c",
    JWT_SECRET: hex,
    REDIS_URL: "redis://cache.godo.internal:6379",
    EVENTBRITE_API_KEY: "EB5F2C",
    GOOGLE_MAPS_API_KEY: "GM5F2C",
  },
};

/** Everything that is wrong with a stack in production: faults of the manifest, of its variables, and errors of the check. */
function wrong(stack: string, edit?: (text: string) => string, values?: Values): string[] {
  return judge(stack, edit, values).filter((line) => !line.startsWith("warning ") && !line.startsWith("note "));
}

/** The same, and everything else that the check finds, each finding with its severity in front. */
function judge(stack: string, edit: (text: string) => string = (text) => text, values: Values = {}): string[] {
  const written = readFileSync(join(import.meta.dirname, "../../examples", stack, "fairlead.yml"), "utf8");
  const text = edit(written);
  const all = Object.entries({ ...set[stack], ...values }).filter(([, value]) => value !== "");
  const given = Object.fromEntries(all.map(([name, value]) => [name, { text: value, version: 1 }]));
  const reading = readManifest(text, { file: "fairlead.yml", environment: "production" });
  if (!reading.ok) return reading.diagnostics.map(formatDiagnostic);
  const { spec, placeOf } = reading;
  const said: string[] = [];
  const known: KnownValue[] = [];
  for (const service of spec.services) {
    const resolved = resolveVariables(service, { given, outputs: (name) => `http://${name}.internal` });
    if (!resolved.ok) said.push(...resolved.diagnostics.map(formatDiagnostic));
    else {
      for (const [name, value] of Object.entries(resolved.values)) {
        const pieces = typeof value === "string" ? [value] : value;
        const filled = pieces.map((piece) => (typeof piece === "string" ? piece : (given[piece.secret]?.text ?? "")));
        const from = typeof value === "string" ? "manifest" : "set";
        known.push({ service: service.name, name, text: new Secret(filled.join("")), from });
      }
    }
  }
  const findings = check(
    { environment: "production", spec, values: known, files: [], leftOut: [], databases: [], placeOf },
    "fairlead.yml",
  );
  return [...said, ...findings.map(({ severity, rule, path, message }) => `${severity} ${rule} ${path} ${message}`)];
}

test.each(Object.keys(set))("%s has nothing wrong in production once its secrets are set", (stack) => {
  expect(wrong(stack)).toEqual([]);
});

const replace = (from: string | RegExp, to: string) => (text: string) => {
  const after = text.replace(from, to);
  expect(after).not.toBe(text);
  return after;
};
const dropped = (name: string) => replace(new RegExp(`^ {6}${name}: .*\\n`, "m"), "");

/** One fault planted in a good stack, and what must be said of it. */
const planted: readonly (readonly [string, string, RegExp, ((text: string) => string) | null, Values?])[] = [
  // Kairo: its seven security checks and its variables
  [
    "kairo",
    "debug is on",
    /DJANGO_DEBUG/,
    replace('DJANGO_DEBUG: { default: "False"', 'DJANGO_DEBUG: { default: "True"'),
  ],
  ["kairo", "the secret key is weak", /DJANGO_SECRET_KEY/, null, { DJANGO_SECRET_KEY: "hunter2" }],
  [
    "kairo",
    "the secret key is Django's example",
    /DJANGO_SECRET_KEY/,
    null,
    { DJANGO_SECRET_KEY: `django-insecure-${random}` },
  ],
  [
    "kairo",
    "all hosts are allowed",
    /allowed-hosts/,
    replace("ALLOWED_HOSTS: kairo.example.com", 'ALLOWED_HOSTS: "*"'),
  ],
  ["kairo", "hosts are still those of a laptop", /ALLOWED_HOSTS.*development value/, dropped("ALLOWED_HOSTS")],
  [
    "kairo",
    "every origin may call",
    /cors-origins/,
    replace("CORS_ALLOWED_ORIGINS: https://kairo.example.com", 'CORS_ALLOWED_ORIGINS: "*"'),
  ],
  [
    "kairo",
    "a database password stands in the manifest",
    /secret-in-manifest.*DATABASE_URL/,
    replace(/DATABASE_URL: .*/, 'DATABASE_URL: "postgresql://kairo:f8Gh2kLm@db.kairo.internal/kairo"'),
    { DATABASE_URL: "" },
  ],
  [
    "kairo",
    "an API key stands in the manifest",
    /secret-in-manifest.*OPENAI_API_KEY/,
    replace(/OPENAI_API_KEY: .*/, `OPENAI_API_KEY: ${openai}`),
    { OPENAI_API_KEY: "" },
  ],
  ["kairo", "the database address is missing", /DATABASE_URL: has no value/, null, { DATABASE_URL: "" }],
  [
    "kairo",
    "the database is not PostgreSQL",
    /DATABASE_URL: does not match/,
    null,
    { DATABASE_URL: "mysql://kairo@db/kairo" },
  ],
  ["kairo", "the LLM key is another service's", /OPENAI_API_KEY: does not match/, null, { OPENAI_API_KEY: "key-5f2c" }],
  [
    "kairo",
    "a timeout is no number",
    /KAIRO_LLM_TIMEOUT_FAST/,
    replace('KAIRO_LLM_TIMEOUT_FAST: { default: "10"', 'KAIRO_LLM_TIMEOUT_FAST: { default: "ten"'),
  ],
  ["kairo", "the log level is not one", /LOG_LEVEL: has a value that is not in oneOf/, null, { LOG_LEVEL: "LOUD" }],
  [
    "kairo",
    "Django's own server runs",
    /development-server/,
    replace(/run: gunicorn.*/, "run: python manage.py runserver 0.0.0.0:8000"),
  ],
  [
    "kairo",
    "production is told that it is staging",
    /development-environment/,
    replace("APP_ENV: production\n", "APP_ENV: staging\n"),
  ],
  // Beyond Stars: the eight that must change
  ["beyond-stars", "APP_ENV has not changed", /APP_ENV: still has its development value/, dropped("APP_ENV")],
  [
    "beyond-stars",
    "DJANGO_DEBUG has not changed",
    /DJANGO_DEBUG: still has its development value/,
    dropped("DJANGO_DEBUG"),
  ],
  ["beyond-stars", "DJANGO_SECRET_KEY has not changed", /DJANGO_SECRET_KEY: still/, null, { DJANGO_SECRET_KEY: "" }],
  ["beyond-stars", "SERVICE_TOKEN has not changed", /SERVICE_TOKEN: still/, null, { SERVICE_TOKEN: "" }],
  ["beyond-stars", "SERVICE_TOKEN is no 64 digits", /SERVICE_TOKEN: does not match/, null, { SERVICE_TOKEN: "abc" }],
  ["beyond-stars", "GOOGLE_API_KEY has not changed", /GOOGLE_API_KEY: still/, null, { GOOGLE_API_KEY: "" }],
  ["beyond-stars", "ALLOWED_ORIGINS has not changed", /ALLOWED_ORIGINS: still/, dropped("ALLOWED_ORIGINS")],
  [
    "beyond-stars",
    "ALLOWED_ORIGINS has a laptop in it",
    /cors-origins/,
    replace(
      "ALLOWED_ORIGINS: https://beyond-stars.example.com",
      "ALLOWED_ORIGINS: https://beyond-stars.example.com,http://localhost:3000",
    ),
  ],
  ["beyond-stars", "DATABASE_URL has not changed", /DATABASE_URL: still/, null, { DATABASE_URL: "" }],
  [
    "beyond-stars",
    "WORKERS has not changed",
    /WORKERS: still/,
    replace('agent: { env: { WORKERS: "4" }, replicas: 2 }', "agent: { replicas: 2 }"),
  ],
  // KICKAI: values of one environment in another
  ["kickai", "the key is the one for testing", /GOOGLE_API_KEY/, null, { GOOGLE_API_KEY: "dummy-key" }],
  ["kickai", "the token is the one for testing", /TELEGRAM_BOT_TOKEN/, null, { TELEGRAM_BOT_TOKEN: "test-bot-token" }],
  [
    "kickai",
    "the token is the one for staging",
    /TELEGRAM_BOT_TOKEN/,
    null,
    { TELEGRAM_BOT_TOKEN: "staging-bot-token" },
  ],
  ["kickai", "the key is missing", /GOOGLE_API_KEY: has no value/, null, { GOOGLE_API_KEY: "" }],
  ["kickai", "the environment is staging", /development-environment/, null, { ENVIRONMENT: "staging" }],
  [
    "kickai",
    "the platform's environment is testing",
    /development-environment/,
    null,
    { RAILWAY_ENVIRONMENT: "testing" },
  ],
  [
    "kickai",
    "the provider is unknown",
    /AI_PROVIDER: has a value that is not in oneOf/,
    null,
    { AI_PROVIDER: "mistral" },
  ],
  [
    "kickai",
    "the project is another app's",
    /FIREBASE_PROJECT_ID: does not match/,
    null,
    { FIREBASE_PROJECT_ID: "shop" },
  ],
  [
    "kickai",
    "a variable is not given at all",
    /AI_MODEL_NAME: has no value/,
    replace(/(production:[\s\S]*) {6}AI_MODEL_NAME: gemini-pro\n/, "$1"),
  ],
  // Pixie
  [
    "pixie",
    "the Anthropic key is the OpenAI one",
    /ANTHROPIC_API_KEY: does not match/,
    null,
    { ANTHROPIC_API_KEY: openai },
  ],
  ["pixie", "the OpenAI key is missing", /OPENAI_API_KEY: has no value/, null, { OPENAI_API_KEY: "" }],
  ["pixie", "the shared key is short", /INTERNAL_API_KEY/, null, { INTERNAL_API_KEY: "hunter22" }],
  [
    "pixie",
    "the vector store is on the same machine",
    /QDRANT_HOST: still/,
    replace(
      "production:\n    services: { python-ai: { env: { QDRANT_HOST: qdrant.pixie.internal } } }",
      "production: {}",
    ),
  ],
  ["pixie", "every origin may call the AI service", /cors-origins/, null, { ALLOWED_ORIGINS: "*" }],
  ["pixie", "the AI service reloads", /development-server/, replace("--port 8000", "--port 8000 --reload")],
  [
    "pixie",
    "the environment is none of the three",
    /ENVIRONMENT: has a value that is not in oneOf/,
    null,
    { ENVIRONMENT: "prod" },
  ],
  [
    "pixie",
    "the backend is led to a service that is not there",
    /PYTHON_AI_URL: refers to a service that does not exist/,
    replace("${python-ai.url}", "${python-a1.url}"),
  ],
  [
    "pixie",
    "a check is neither a command nor a question",
    /checks.after.integration: is a command or an HTTP request/,
    replace("run: node dist/smoke.js, within", "within"),
  ],
  [
    "pixie",
    "a check before the release asks it",
    /checks\.before\.health/,
    replace("health: pytest -q tests/test_health.py", "health: { http: /health }"),
  ],
  // Godo: what its settings refuse at the start
  ["godo", "debug is on", /DEBUG/, null, { DEBUG: "true" }],
  ["godo", "the token secret is shorter than 32", /JWT_SECRET: has fewer than 32/, null, { JWT_SECRET: "short" }],
  ["godo", "the token secret is not random", /weak-secret/, null, { JWT_SECRET: "a".repeat(40) }],
  ["godo", "the database password is missing", /SUPABASE_DB_PASSWORD/, null, { SUPABASE_DB_PASSWORD: "" }],
  ["godo", "the algorithm is none", /JWT_ALGORITHM: has a value that is not in oneOf/, null, { JWT_ALGORITHM: "none" }],
  ["godo", "the database is not PostgreSQL", /DATABASE_URL: does not match/, null, { DATABASE_URL: "mysql://x/y" }],
  ["godo", "Redis is missing", /REDIS_URL/, null, { REDIS_URL: "" }],
  ["godo", "a map key is missing", /GOOGLE_MAPS_API_KEY: has no value/, null, { GOOGLE_MAPS_API_KEY: "" }],
  [
    "godo",
    "the provider's address is plain HTTP",
    /SUPABASE_URL: does not match/,
    null,
    { SUPABASE_URL: "http://supabase-api:9999" },
  ],
  ["godo", "the API reloads", /development-server/, replace("--port 8000", "--port 8000 --reload")],
];

test("Pixie makes its six checks before a deployment and, beside what Fairlead looks at itself, the one after it", () => {
  const text = readFileSync(join(import.meta.dirname, "../../examples/pixie/fairlead.yml"), "utf8");
  const reading = readManifest(text, { file: "fairlead.yml", environment: "production" });
  const services = reading.ok ? reading.spec.services : [];
  const names = (when: "before" | "after") => services.flatMap(({ checks }) => checks?.[when].map(({ name }) => name));
  const before = ["api-documentation", "collections", "environment", "health", "migrations", "tests"];
  expect(names("before").sort()).toEqual(before);
  expect(names("after")).toEqual(["integration"]);
  expect(services.map(({ http }) => http?.ready?.status)).toEqual([200, 200]);
});

test.each([
  ["kairo", "--workers 4 --threads 2", "", true],
  ["beyond-stars", 'WORKERS: "4" }, replicas: 2', 'WORKERS: "1" }', true],
  ["pixie", " --workers 2", "", true],
  ["pixie", " --workers 2", " --workers 4", false],
])("%s is warned of a single worker where there is one (%s → %s)", (stack, from, to, isWarned) => {
  const edit = (text: string) => replace("    replicas: 2\n", "")(replace(from, to)(text));
  const found = judge(stack, stack === "kairo" ? edit : replace(from, to));
  expect(found.some((line) => line.startsWith("warning worker-count"))).toBe(isWarned);
});

const faults = planted.map(([stack, what, said, edit, values = {}]) => ({ stack, what, said, edit, values }));

describe("one fault in a good stack is named, and no value with it", () => {
  test.each(faults)("$stack: $what", ({ stack, said, edit, values }) => {
    const found = wrong(stack, edit ?? undefined, values);
    expect(found.length).toBeGreaterThan(0);
    for (const one of found) expect(one).toMatch(said);
    const common = /^(?:true|staging|testing|none|prod)$/;
    const shown = Object.values(values).filter((value) => value.length > 3 && !common.test(value));
    for (const value of shown) expect(found.join("\n")).not.toContain(value);
  });
});
