// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the manifest's own references
import { describe, expect, test } from "vitest";
import type { ServiceTemplate } from "../model/app.ts";
import type { EnvValue } from "../model/release.ts";
import { formatDiagnostic } from "./diagnostic.ts";
import { readManifest } from "./read.ts";
import { type ResolveContext, resolveBuild, resolveVariables, undeclaredVariables } from "./resolve.ts";

function web(env: string, environment = "production"): ServiceTemplate {
  const text = `app: shop\nenv: ${env}\nservices: { web: { run: a, http: {} } }\n`;
  const reading = readManifest(text, { file: "f", environment });
  const service = reading.ok ? reading.spec.services[0] : undefined;
  return service ?? expect.fail(reading.ok ? "no service" : reading.diagnostics.map(formatDiagnostic).join("\n"));
}

const nothing: ResolveContext = { given: {}, outputs: () => null };

/** Set values, each at version 7. */
function set(texts: Record<string, string>): ResolveContext["given"] {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { text, version: 7 }]));
}

function values(env: string, context: Partial<ResolveContext> = {}): Record<string, EnvValue> {
  const resolved = resolveVariables(web(env), { ...nothing, ...context });
  return resolved.ok ? resolved.values : expect.fail(resolved.diagnostics.map(formatDiagnostic).join("\n"));
}

function diagnostics(env: string, context: Partial<ResolveContext> = {}): string[] {
  const resolved = resolveVariables(web(env), { ...nothing, ...context });
  return resolved.ok ? expect.fail("it resolved") : resolved.diagnostics.map(formatDiagnostic);
}

describe("resolveVariables", () => {
  test("gives literals as written, replaces references and undoubles dollar signs", () => {
    const outputs: ResolveContext["outputs"] = (service, output) => `${service}-${output}`;
    expect(values('{ A: 1.10, B: "${A}/${web.url}:${web.port}", C: "$$5 $X $${A}", D: "${B}!" }', { outputs })).toEqual(
      {
        A: "1.10",
        B: "1.10/web-url:web-port",
        C: "$5 $X ${A}",
        D: "1.10/web-url:web-port!",
      },
    );
  });

  test("lets a set value win, as it is", () => {
    expect(values('{ A: file, B: "${A}" }', { given: set({ A: "${B}$$", OTHER: "x" }) })).toEqual({
      A: [{ secret: "A", version: 7 }],
      B: [{ secret: "A", version: 7 }],
    });
  });

  test("only what no service declares is for all of them", () => {
    const text =
      "app: a\nenv: { B: { scope: build } }\nservices: { web: { run: a, env: { A: a } }, worker: { run: b } }\n";
    const reading = readManifest(text, { file: "f", environment: "production" });
    const spec = reading.ok ? reading.spec : expect.fail("not read");
    expect(undeclaredVariables(spec, set({ A: "x", B: "x", EXTRA: "x" }))).toEqual({
      EXTRA: [{ secret: "EXTRA", version: 7 }],
    });
  });

  test("gives the build what is for it; secret is what has a secret variable in it, set or written", () => {
    const text = `app: a
env:
  TOKEN: { secret: true, scope: build }
  URL: { value: "https://\${TOKEN}@\${HOST}", scope: both }
  HOST: { default: "\${SUB}.example.com" }
  SUB: npm
  OTHER: { value: "-\${WRITTEN}", scope: build }
  WRITTEN: { secret: true, value: canary }
  PLAIN: { default: a, scope: build }
  NONE: { scope: build }
  RUN: { required: true }
services: { web: { run: a } }
`;
    const reading = readManifest(text, { file: "f", environment: "production" });
    const spec = reading.ok ? reading.spec : expect.fail(reading.diagnostics.map(formatDiagnostic).join());
    const token = { secret: "TOKEN", version: 7 };
    expect(resolveBuild(spec, { ...nothing, given: set({ TOKEN: "t", PLAIN: "b" }) })).toEqual({
      ok: true,
      values: {
        plain: { PLAIN: [{ secret: "PLAIN", version: 7 }] },
        secret: { TOKEN: [token], URL: ["https://", token, "@npm.example.com"], OTHER: "-canary" },
      },
    });
    expect(resolveBuild(spec, nothing)).toEqual({
      ok: false,
      diagnostics: [{ path: "env.URL", message: "refers to TOKEN, which has no value" }],
    });
  });

  test("keeps the text around a set value, and only names the value", () => {
    const env = '{ URL: "postgres://${USER}:${PW}@${HOST}/", USER: shop, PW: { secret: true }, HOST: db }';
    expect(values(env, { given: set({ PW: "canary" }) })).toEqual({
      URL: ["postgres://shop:", { secret: "PW", version: 7 }, "@db/"],
      USER: "shop",
      PW: [{ secret: "PW", version: 7 }],
      HOST: "db",
    });
  });

  test("leaves an optional variable without a value out", () => {
    expect(values("{ A: {}, B: { secret: true, generate: hex32 }, C: { default: d } }")).toEqual({ C: "d" });
  });

  test("complains about a required variable without a value, until it has one", () => {
    const env = "{ KEY: { required: [production] }, TOKEN: { required: true, default: x } }";
    expect(diagnostics(env)).toEqual([
      "services.web.env.KEY: has no value but is required – set it with `fairlead env set`",
    ]);
    expect(values(env, { given: set({ KEY: "" }) })).toEqual({ KEY: [{ secret: "KEY", version: 7 }], TOKEN: "x" });
    expect(resolveVariables(web(env, "staging"), nothing)).toEqual({ ok: true, values: { TOKEN: "x" } });
  });

  test("applies every rule to set values, all at once, and shows none of them", () => {
    const env = `{ SHAPE: { pattern: "^sk-" }, CHOICE: { oneOf: [a, b] }, SHORT: { minLength: 3 }, LONG: { maxLength: 3 },
      DEBUG: { default: "True", forbid: { production: ["True"] } } }`;
    const given = set({ SHAPE: "canary-1", CHOICE: "canary-2", SHORT: "😀😀", LONG: "canary-3" });
    const said = diagnostics(env, { given });
    expect(said).toEqual([
      "services.web.env.SHAPE: does not match its pattern (the set value, not the manifest's)",
      "services.web.env.CHOICE: has a value that is not in oneOf: a or b (the set value, not the manifest's)",
      "services.web.env.SHORT: has fewer than 3 characters (the set value, not the manifest's)",
      "services.web.env.LONG: has more than 3 characters (the set value, not the manifest's)",
      "services.web.env.DEBUG: has a value that is forbidden in this environment",
    ]);
    expect(said.join()).not.toMatch(/canary|True|😀/);
    expect(resolveVariables(web(env, "staging"), nothing)).toEqual({ ok: true, values: { DEBUG: "True" } });
  });

  test("refuses the value for development where another is wanted, wherever it comes from, and does not show it", () => {
    const env = "{ APP_ENV: { default: canary-dev, change: production } }";
    const said = "services.web.env.APP_ENV: still has its development value – set this environment's own";
    expect(diagnostics(env)).toEqual([said]);
    const given = set({ APP_ENV: "canary-dev" });
    expect(diagnostics(env, { given })).toEqual([`${said} (the set value, not the manifest's)`]);
    expect(values(env, { given: set({ APP_ENV: "production" }) })).toEqual({
      APP_ENV: [{ secret: "APP_ENV", version: 7 }],
    });
    expect(resolveVariables(web(env, "staging"), nothing)).toEqual({ ok: true, values: { APP_ENV: "canary-dev" } });
  });

  test("the value for development is what comes of it there, with references, dollar signs and its own overlay", () => {
    const of = (env: string, overlays: string, environment = "production") => {
      const text = `app: a\nenv: ${env}\nservices: { web: { run: a } }\nenvironments: ${overlays}\n`;
      const reading = readManifest(text, { file: "f", environment });
      const service = reading.ok
        ? reading.spec.services[0]
        : expect.fail(reading.diagnostics.map(formatDiagnostic).join());
      return service ? resolveVariables(service, nothing).ok : expect.fail("no service");
    };
    expect(of('{ B: dev, A: { default: "${B}", change: production } }', "{ production: {} }")).toBe(false);
    expect(of('{ B: dev, A: { default: "${B}", change: production } }', "{ production: { env: { B: prod } } }")).toBe(
      true,
    );
    expect(of("{ A: { default: 5$$, change: production } }", "{ production: {} }")).toBe(false);
    expect(of("{ A: { default: dev, change: production } }", "{ production: { env: { A: { default: prod } } } }")).toBe(
      true,
    );
    const both = "{ development: { env: { A: dev } }, production: { env: { A: dev } } }";
    expect(of("{ A: { default: x, change: production } }", both)).toBe(false);
    expect(
      of("{ A: { change: production } }", "{ development: { env: { A: dev } }, production: { env: { A: prod } } }"),
    ).toBe(true);
    expect(of("{ A: { default: x, change: production } }", both, "development")).toBe(true);
  });

  test("names a reference to nothing once, where it is written", () => {
    expect(diagnostics('{ A: {}, B: "${A}", C: "${B}", D: "${web.url}" }')).toEqual([
      "services.web.env.B: refers to A, which has no value",
      "services.web.env.D: needs the url of web, which is unknown",
    ]);
  });

  test("names a round of references once, and a set value breaks it", () => {
    const service = web("{ A: a, B: b, C: c, D: d }");
    const given = { A: "${B}", B: "${C}", C: "${A}", D: "${A}" };
    const variables = Object.fromEntries(
      Object.entries(service.variables).map(([name, spec]) => [name, { ...spec, value: given[name as "A"] }]),
    );
    const round = { ...service, variables };
    const resolved = resolveVariables(round, nothing);
    expect(resolved).toEqual({
      ok: false,
      diagnostics: [{ path: "services.web.env.A", message: "refers to itself: A → B → C → A" }],
    });
    const broken = resolveVariables(round, { ...nothing, given: set({ C: "x" }) });
    const value = [{ secret: "C", version: 7 }];
    expect(broken).toEqual({ ok: true, values: { A: value, B: value, C: value, D: value } });
  });

  test("stops values that would grow without end", () => {
    const names = Array.from({ length: 40 }, (_, i) => `V${i}: "\${V${i + 1}}\${V${i + 1}}"`).join(", ");
    expect(diagnostics(`{ ${names}, V40: xx }`)).toEqual([
      expect.stringMatching(/V\d+: is longer than 32768 characters/),
    ]);
  });

  test("names of JavaScript's own are names like others", () => {
    expect(values('{ constructor: a, __proto__: b, toString: {}, A: "${__proto__}" }')).toEqual(
      Object.fromEntries([
        ["constructor", "a"],
        ["__proto__", "b"],
        ["A", "b"],
      ]),
    );
  });
});
