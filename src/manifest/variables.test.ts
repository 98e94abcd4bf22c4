// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the manifest's own references

import { describe, expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { formatDiagnostic } from "./diagnostic.ts";
import { readManifest } from "./read.ts";
import { resolveVariables } from "./resolve.ts";

const names = ["A", "B", "C", "D", "E", "F", "G"] as const;
const name = fc.constantFrom(...names);

type Text = { readonly [key: string]: unknown };

/** Reads a manifest written as JSON, which is YAML. */
const read = (manifest: Text) => readManifest(JSON.stringify(manifest), { file: "f", environment: "production" });

/** What every service gets, or what is reported without the places, which depend on the order. */
function outcome(manifest: Text, given: Parameters<typeof resolveVariables>[1]["given"]) {
  const reading = read(manifest);
  // Services are named in the order in which they are written, and so is what may have been meant.
  const said = (message: string) => message.replace(/(?<=refers to a variable) .*/, "");
  if (!reading.ok)
    return { refused: reading.diagnostics.map(({ path, message }) => `${path} ${said(message)}`).sort() };
  const outputs = (service: string) => `http://${service}`;
  const resolved = reading.spec.services.map((service) => {
    const one = resolveVariables(service, { given, outputs });
    return [
      service.name,
      one.ok ? one.values : one.diagnostics.map(({ path, message }) => `${path} ${message}`).sort(),
    ];
  });
  return Object.fromEntries(resolved);
}

/** The same mapping with its keys, and those of what is in it, in another order. */
function shuffled(value: unknown, order: (key: string) => number): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(inner, order)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => order(a) - order(b)));
}

/** The text of a variable that refers to some of these. */
function text(others: readonly string[]) {
  const references = others.map((other) => `\${${other}}`);
  return fc
    .array(fc.constantFrom("x", "$$", "${web.url}", ...references), { maxLength: 3 })
    .map((pieces) => pieces.join(""));
}

const rules = fc.record(
  {
    secret: fc.boolean(),
    required: fc.boolean(),
    minLength: fc.nat(1),
    oneOf: fc.constant(["x", "xx", ""]),
    forbid: fc.constant({ production: ["x"] }),
  },
  { requiredKeys: [] },
);

/** Variables with rules or without. `ordered`: each refers only to those after it, so that there are no rounds. */
function variables({ ordered, requiredKeys }: { ordered: boolean; requiredKeys: (typeof names)[number][] }) {
  const each = names.map((one, i) => {
    const value = text(ordered ? names.slice(i + 1) : names);
    const typed = fc.tuple(rules, fc.record({ default: value, value }, { requiredKeys: ["default"] }));
    const ruled = typed.map(([some, given]) => ({ ...some, ...given }));
    return [one, fc.oneof({ weight: 5, arbitrary: value }, { weight: ordered ? 0 : 2, arbitrary: ruled })] as const;
  });
  return fc.record(Object.fromEntries(each), { requiredKeys });
}

function manifests(ordered: boolean) {
  const env = variables({ ordered, requiredKeys: [] });
  const whole = ordered ? variables({ ordered, requiredKeys: [...names] }) : env;
  return fc.record({
    app: fc.constant("shop"),
    env: whole,
    groups: fc.record({ g: env, h: env }),
    services: fc.record({
      web: fc.record({
        run: fc.constant("a"),
        http: fc.constant({}),
        env,
        groups: fc.constantFrom([], ["g"], ["h", "g"]),
      }),
      worker: fc.record({ run: fc.constant("b"), env, groups: fc.constantFrom([], ["h"]) }),
    }),
    environments: fc.record({ production: fc.record({ env }) }),
  });
}

const given = fc.dictionary(name, fc.record({ text: fc.constantFrom("", "x", "${A}"), version: fc.constant(1) }));

describe("variables of random manifests", () => {
  test.for([
    ["that can be resolved", true],
    ["with any faults", false],
  ] as const)("%s do not depend on the order in which keys, variables and services are written", ([, sound]) => {
    fc.assert(
      fc.property(manifests(sound), given, fc.func(fc.nat()), (manifest, set, order) => {
        const first = outcome(manifest, set);
        if (sound) expect(first).not.toHaveProperty("refused");
        expect(outcome(shuffled(manifest, order) as Text, set)).toEqual(first);
      }),
      { numRuns: 200 },
    );
  });

  test("that refer to each other in a round are refused with the whole round and its place, and no others are", () => {
    const edges = fc.uniqueArray(fc.tuple(name, name), { maxLength: 14, selector: ([from, to]) => from + to });
    fc.assert(
      fc.property(edges, (all) => {
        const lines = names.map((from) => {
          const references = all.filter(([one]) => one === from).map(([, to]) => `\${${to}}`);
          return `  ${from}: "${references.join("")}"`;
        });
        const written = `app: shop\nservices: { web: { run: a } }\nenv:\n${lines.join("\n")}\n`;
        const reading = readManifest(written, { file: "f", environment: "production" });
        const said = reading.ok ? [] : reading.diagnostics;
        const rounds = said.map(({ message }) => message.replace("refers to itself: ", "").split(" → "));
        expect(rounds.length === 0).toBe(isWithoutRounds(all));
        for (const [i, round] of rounds.entries()) {
          const steps = stepsOf(round);
          expect(all).toEqual(expect.arrayContaining(steps));
          expect(round.at(-1)).toBe(round[0]);
          expect(new Set(round).size).toBe(round.length - 1);
          expect(said[i]).toMatchObject({ path: `env.${round[0]}`, line: 4 + names.indexOf(round[0] as "A") });
        }
        const named = rounds.flatMap(stepsOf).map(String);
        expect(isWithoutRounds(all.filter((edge) => !named.includes(String(edge))))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("of a group are complained about once, however many services have it", () => {
    const services = Object.fromEntries(["a", "b", "c"].map((one) => [one, { run: "x", groups: ["g"] }]));
    const reading = read({ app: "shop", groups: { g: { A: "${B}", C: { value: "y", oneOf: ["x"] } } }, services });
    expect(reading.ok ? [] : reading.diagnostics.map(formatDiagnostic)).toEqual([
      expect.stringMatching(/groups\.g\.A: refers to a variable that a, b and c do not have/),
      expect.stringMatching(/groups\.g\.C: has a value that is not in oneOf: x$/),
    ]);
  });
});

function stepsOf(round: readonly string[]): [string, string][] {
  return round.slice(1).map((to, i) => [round[i] ?? "", to]);
}

/** Kahn's algorithm: a graph without rounds can be taken apart from its ends. */
function isWithoutRounds(edges: readonly (readonly [string, string])[]): boolean {
  const rest = edges.filter(([, to]) => edges.some(([from]) => from === to));
  return rest.length === edges.length ? rest.length === 0 : isWithoutRounds(rest);
}
