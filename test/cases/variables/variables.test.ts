import { describe, expect, test } from "vitest";
import { formatDiagnostic } from "../../../src/manifest/diagnostic.ts";
import { readManifest } from "../../../src/manifest/read.ts";
import { resolveBuild, resolveRegistries, resolveVariables } from "../../../src/manifest/resolve.ts";
import { variables } from "../../../src/manifest/variable.ts";
import type { EnvValue, RegistryLogins, SecretRef } from "../../../src/model/release.ts";
import { generatedValues } from "../../../src/usecases/generate.ts";
import { goldenCases, judgeGolden } from "../golden.ts";

// A case is a manifest, a line `----`, and what comes of its variables: what every service, the build and registries get, with NAME@1
// for what was set, or all that it is refused for. `# environment: x` chooses the environment (else production),
// `# set: A=x B=y` says what `env set` has set. UPDATE=1 rewrites what is expected; read the difference before you keep it.

const directory = import.meta.dirname;
const cases = goldenCases(directory);

interface Answer {
  readonly refused: boolean;
  readonly lines: readonly string[];
}

function answer(text: string): Answer {
  const environment = /^# environment: (.+)$/m.exec(text)?.[1] ?? "production";
  const reading = readManifest(text, { file: "fairlead.yml", environment });
  if (!reading.ok) return { refused: true, lines: reading.diagnostics.map(formatDiagnostic) };
  const { spec, warnings, placeOf } = reading;
  const set = setIn(text);
  const made = generatedValues(spec, set);
  const texts = Object.entries({ ...set, ...made });
  const given = Object.fromEntries(texts.map(([name, value]) => [name, { text: value, version: 1 }]));
  const context = { given, outputs: (service: string, output: string) => `<${service}.${output}>` };
  const services = spec.services.map((service) => ({ who: service.name, ...resolveVariables(service, context) }));
  const build = resolveBuild(spec, context);
  const registries = resolveRegistries(spec, given);
  const refusals = [...services, build, registries].flatMap((one) => (one.ok ? [] : one.diagnostics));
  const placed = refusals.map((one) => ({ ...one, file: "fairlead.yml", ...placeOf(...one.path.split(".")) }));
  if (placed.length > 0) return { refused: true, lines: [...new Set(placed.map(formatDiagnostic))] };
  const gets = services.flatMap((one) => (one.ok ? envLines(one.who, one.values) : []));
  const { plain, secret } = build.ok ? build.values : { plain: {}, secret: {} };
  return {
    refused: false,
    lines: [
      ...warnings.map((warning) => `warning: ${formatDiagnostic(warning)}`),
      ...Object.entries(made).map(([name, value]) => `made ${name}: ${shapeOf(value)}`),
      ...gets,
      ...envLines("the build as an argument", plain),
      ...envLines("the build as a secret", secret),
      ...loginLines(registries.ok ? registries.values : {}),
    ],
  };
}

function setIn(text: string): Record<string, string> {
  const pairs = /^# set: (.+)$/m.exec(text)?.[1]?.split(" ") ?? [];
  return Object.fromEntries(pairs.map((pair) => [pair.split("=")[0], pair.split("=")[1] ?? ""]));
}

function envLines(who: string, env: Readonly<Record<string, EnvValue>>): readonly string[] {
  return Object.entries(env).map(([name, value]) => {
    const pieces = typeof value === "string" ? [value] : value;
    const shown = pieces.map((piece) => (typeof piece === "string" ? JSON.stringify(piece) : `${piece.secret}@1`));
    return `${who}: ${name} = ${shown.join(" + ")}`;
  });
}

function loginLines(logins: RegistryLogins<SecretRef>): readonly string[] {
  return Object.entries(logins).flatMap(([host, { username, password }]) => {
    return envLines(`${username} at ${host}`, { password: [password] });
  });
}

function shapeOf(made: string): string {
  const kinds = { "hexadecimal digits": /^[0-9a-f]+$/, "a UUID": /^[0-9a-f-]{36}$/, base64: /^[A-Za-z0-9+/]+=*$/ };
  const kind = Object.entries(kinds).find(([, pattern]) => pattern.test(made))?.[0] ?? "what Django makes";
  return `${made.length} characters, ${kind}`;
}

test.for(cases)("$file", (golden) => judgeGolden(directory, golden, `${answer(golden.text).lines.join("\n")}\n`));

describe("a variable's option", () => {
  const options = [...Object.keys(variables.each?.fields ?? {}), "groups", "registries"];

  test.for(options)("%s has a case that passes and one that does not", (option) => {
    const refused = ["right", "wrong"].map((verdict) => {
      const found = cases.find(({ file }) => file === `${option}-${verdict}.case`) ?? expect.fail("there is no case");
      expect(found.text).toContain(`${option}:`);
      return answer(found.text).refused;
    });
    expect(refused).toEqual([false, true]);
  });

  test.for(cases)("$file shows no value where it complains", ({ text }) => {
    const { refused, lines } = answer(text);
    const diagnostics = refused ? lines : lines.filter((line) => line.startsWith("warning: "));
    expect(diagnostics.join("\n")).not.toMatch(/canary-?\d/);
  });
});
