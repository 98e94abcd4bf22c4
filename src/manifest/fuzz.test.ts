// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the manifest's own references

import { describe, expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { formatDiagnostic } from "./diagnostic.ts";
import { example } from "./example.ts";
import { environmentsOf, readManifest } from "./read.ts";

const canary = "sk-CANARY-7f3a";
/** Processor time, which a busy machine does not change: far above the worst reading (a second), far below a blow-up. */
const budgetMs = 6_000;

/** Reads and looks for what must never happen: an exception, a long wait, a diagnostic without a place, the canary. */
function probe(text: string): string {
  const began = process.cpuUsage();
  const reading = readManifest(text, { file: "f", environment: "staging" });
  environmentsOf(text);
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1_000).toBeLessThan(budgetMs);
  const said = reading.ok ? reading.warnings : reading.diagnostics;
  if (!reading.ok) expect(said.length).toBeGreaterThan(0);
  for (const { line, column } of said) expect(Math.min(line ?? 0, column ?? 0)).toBeGreaterThan(0);
  const words = said.map(formatDiagnostic).join("\n");
  expect(words).not.toContain(canary);
  expect(words.length).toBeLessThan(120_000);
  return words;
}

const lines = example.split("\n");
const envStart = lines.indexOf("env:");
const servicesStart = lines.indexOf("services:");
const secrets = [
  "env:",
  `  KEY: ${canary}`,
  `  FORM: { secret: true, default: "${canary}", oneOf: [${canary}] }`,
  `  BAD: [${canary}]`,
  `  WORSE: { secret: ${canary}, required: ${canary}, minLength: ${canary}, generate: ${canary}, ${canary}: 1 }`,
];

const piece = fc.constantFrom(
  ..."{}[]:,-?!&*#|>%@`\"'\n\t \\$~".split(""),
  ..."app|env|services|web|null|true|1|-1|1e999|.nan|<<: *a|&a|*a|!!js|---|...|? |- |: |{ |[ |\r\n|\uFEFF|\u2028|😀|__proto__|constructor|10%|30s|${web.url}|${".split(
    "|",
  ),
);
interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
}
const edits = fc.array(
  fc.record({ at: fc.nat(2_000), cut: fc.nat(12), put: fc.array(piece, { maxLength: 4 }).map((all) => all.join("")) }),
  { minLength: 1, maxLength: 6 },
);

function edited(text: string, all: readonly Edit[]): string {
  return all.reduce((now, { at, cut, put }) => {
    const place = at % (now.length + 1);
    return now.slice(0, place) + put + now.slice(place + cut);
  }, text);
}

describe("no text makes the reader throw, hang or tell", () => {
  test("a manifest with edits before and behind its variables", () => {
    const head = lines.slice(0, envStart).join("\n");
    const tail = lines.slice(servicesStart).join("\n");
    fc.assert(
      fc.property(edits, edits, (before, behind) => {
        probe([edited(head, before), ...secrets, edited(tail, behind)].join("\n"));
      }),
      { numRuns: 400 },
    );
  });

  test("edits among the variables themselves", () => {
    const prefix = `version: 1\napp: shop\nservices: { web: { run: a } }\nenv:\n`;
    fc.assert(
      fc.property(edits, (all) => {
        // Edits that keep every line below `env:`: what stands there is a variable, whatever it looks like.
        const block = edited(
          secrets.slice(1).join("\n"),
          all.map((edit) => ({ ...edit, put: edit.put.replace(/[\r\n]/g, " ") })),
        );
        probe(
          prefix +
            block
              .split("\n")
              .map((line) => `  ${line}`)
              .join("\n"),
        );
      }),
      { numRuns: 400 },
    );
  });

  test("YAML-like text", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 120 }), (all) => {
        probe(all.join(""));
      }),
      { numRuns: 600 },
    );
  });

  test("any text and any bytes", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => void probe(text)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void probe(Buffer.from(bytes).toString("utf8"))),
    );
  });

  const much = 256 * 1024 - 8;
  const signs = [
    "[",
    "{a: ",
    "- ",
    "? ",
    "&a ",
    "*a ",
    "!a ",
    "]",
    "[,",
    '"\n',
    "\\",
    ": ",
    "%a\n",
    "---\n",
    "#\n",
    "\t",
    "\r",
    "a\n",
    "''",
  ];
  test.for(signs)("much of %j, and as much as is still parsed", (sign) => {
    for (const size of [much, 24_000]) expect(probe(sign.repeat(size / sign.length))).not.toBe("");
  });

  test.for([
    ["an open quote that swallows the variables", `"app: shop\nenv:\n  KEY: ${canary}"`],
    ["a key that swallows the variables", `? "app\n  env: ${canary}"\n: 1`],
    ["a bomb of aliases", `a: &a [x]\n${Array.from({ length: 60 }, (_, i) => `b${i}: &b${i} [*a, *a]`).join("\n")}`],
    ["a key that is its own value", "&a a: *a"],
    ["a deep tree of keys", Array.from({ length: 500 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
    ["thousands of keys", Array.from({ length: 12_000 }, (_, i) => `k${i}: 1`).join("\n")],
    ["thousands of equal keys", "a: 1\n".repeat(12_000)],
    ["a quoted text with bad escapes", `app: "${"\\q".repeat(much / 4)}"`],
    ["a line of 1 MB", "a".repeat(1_000_000)],
    ["a long key", `${"k".repeat(50_000)}: 1`],
    ["hundreds of variables that name each other", chain(480)],
    ["variables that all name each other, in many services", round(150, 40)],
    ["hundreds of patterns that take too long", slowPatterns()],
  ])("%s", ([, text = ""]) => {
    expect(probe(text)).not.toBe("");
  });
});

function chain(length: number): string {
  const names = Array.from({ length }, (_, i) => `  V${i}: "\${V${i + 1}}\${V${(i * 7) % length}}"`);
  return `app: shop\nservices: { web: { run: a } }\nenv:\n${names.join("\n")}\n`;
}

function round(length: number, services: number): string {
  const all = Array.from({ length }, (_, i) => `\${V${i}}`).join("");
  const names = Array.from({ length }, (_, i) => `  V${i}: "${all}"`);
  const each = Array.from({ length: services }, (_, i) => `  s${i}: { run: a }`);
  return `app: shop\nservices:\n${each.join("\n")}\nenv:\n${names.join("\n")}\n`;
}

function slowPatterns(): string {
  const names = Array.from({ length: 400 }, (_, i) => `  V${i}: { pattern: ".*.*.*.*.*x", value: ${"a".repeat(400)} }`);
  return `app: shop\nservices: { web: { run: a }, worker: { run: b } }\nenv:\n${names.join("\n")}\n`;
}
