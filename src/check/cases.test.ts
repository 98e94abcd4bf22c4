import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatDiagnostic } from "../manifest/diagnostic.ts";
import { readManifest } from "../manifest/read.ts";
import { rules } from "./rules.ts";
import { check } from "./run.ts";
import { sarif } from "./sarif.ts";
import { manifestValues } from "./values.ts";

// A case is a manifest, files of the source each under `---- PATH`, and under `---- findings` what the rules say of it.
// A file `PATH (left out, WHY)` lies beside the source and is not part of it; `; tracked` after WHY: by Git. After `PATH (executable)` or `PATH (not executable)` its
// permission is known, and ␍ is a carriage return.
// `# environment: x` chooses the environment (else production). UPDATE=1 rewrites what is expected.

const directory = join(import.meta.dirname, "../../test/cases/check");
const update = process.env.UPDATE === "1";
const cases = readdirSync(directory).filter((file) => file.endsWith(".case"));

interface Case {
  readonly manifest: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly before: string;
  readonly expected: string;
}

function caseOf(text: string): Case {
  const [before = "", expected = ""] = text.split(/^---- findings\n/m);
  const [manifest = "", ...parts] = before.split(/^---- /m);
  const files = parts.map((part) => {
    const end = part.indexOf("\n");
    // A secret must not stand in our own repository as one: `~` is taken out.
    const [path = "", executable] = part.slice(0, end).split(/ \((not )?executable\)$/);
    const text = part
      .slice(end + 1)
      .replaceAll("~", "")
      .replaceAll("␍", "\r");
    return { path, text, ...(part.slice(0, end) !== path && { isExecutable: executable === undefined }) };
  });
  return { manifest: manifest.replaceAll("~", ""), files, before, expected };
}

function findingsOf({ manifest, files: all }: Pick<Case, "manifest" | "files">) {
  const files = all.filter(({ path }) => !path.includes(" (left out, "));
  const databases = files.filter(({ text }) => text.startsWith("SQLite format 3")).map(({ path }) => path);
  const leftOut = all.flatMap(({ path, text }) => {
    const [, at, why, tracked] = /^(.+) \(left out, (.+?)(; tracked)?\)$/.exec(path) ?? [];
    return at && why ? [{ path: at, why, isTracked: tracked !== undefined, text }] : [];
  });
  const environment = /^# environment: (.+)$/m.exec(manifest)?.[1] ?? "production";
  const reading = readManifest(manifest, { file: "fairlead.yml", environment });
  if (!reading.ok) return expect.fail(reading.diagnostics.map(formatDiagnostic).join("\n"));
  const { spec, placeOf } = reading;
  return check({ environment, spec, values: manifestValues(spec), files, leftOut, databases, placeOf }, "fairlead.yml");
}

describe("golden cases", () => {
  test.each(cases)("%s", (file) => {
    const text = readFileSync(join(directory, file), "utf8");
    const one = caseOf(text);
    const found = findingsOf(one)
      .filter(({ severity, rule }) => severity !== "note" || file.startsWith(rule))
      .map(({ severity, rule, file: at, line, column, path, message }) => {
        const place = [at, line, column].filter((part) => part !== null).join(":");
        return `${severity} ${rule} ${place} ${path === at ? "" : `${path} `}${message}\n`;
      })
      .join("");
    if (update) writeFileSync(join(directory, file), `${one.before}---- findings\n${found}`);
    expect(found).toBe(update ? found : one.expected);
  });

  test.each(rules)("$id has a case in which it finds something and one in which it finds nothing", ({ id }) => {
    const own = cases.filter((file) => file.startsWith(`${id}-`));
    const said = own.map((file) => caseOf(readFileSync(join(directory, file), "utf8")).expected.includes(` ${id} `));
    expect(said).toContain(true);
    expect(said).toContain(false);
  });
});

test.for([
  ["a command", `flask -n${"=l -\u00a0l".repeat(60)}\t`, ""],
  ["a command", `vite --${"s --s --".repeat(60)}\t`, ""],
  ["a Dockerfile", "true", `FROM a AS b\n${"RUN x \\\n".repeat(60_000)}`],
  ["a Dockerfile", "true", "FROM a AS a\n".repeat(40_000)],
  ["a Dockerfile", "true", `FROM ${":".repeat(200_000)}/:\nRUN\t${"\t".repeat(100_000)}\u2028x`],
  ["a Dockerfile", "true", `FROM a:1\nCMD ["${'\\"\\'.repeat(100_000)}]`],
] as const)("%s of a hostile shape is judged in time", ([, run, text]) => {
  const manifest = `version: 1\napp: a\nservices: { web: { run: [sh, -c, ${JSON.stringify(run)}] }, other: {} }\nbuild: .\n`;
  const files = [{ path: "Dockerfile", text }];
  const before = process.cpuUsage();
  expect(findingsOf({ manifest, files })).toBeDefined();
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
});

test("findings are SARIF with a known rule and a place each", () => {
  const manifest = "version: 1\napp: a\nservices: { web: { run: flask run, http: {} } }\n";
  const findings = findingsOf({ manifest, files: [] });
  const { runs } = sarif(findings, "1") as {
    runs: { tool: { driver: { rules: { id: string }[] } }; results: { ruleId: string; level: string }[] }[];
  };
  const known = runs[0]?.tool.driver.rules.map(({ id }) => id) ?? [];
  expect(runs[0]?.results.length).toBe(findings.length);
  for (const { ruleId, level } of runs[0]?.results ?? []) {
    expect(known).toContain(ruleId);
    expect(["error", "warning", "note"]).toContain(level);
  }
});
