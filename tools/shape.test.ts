import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkShape } from "./shape.ts";

const cases = join(import.meta.dirname, "fixtures/shape");

/** Writes a tree of files, checks its shape, and gives the findings as `path:line check`. */
function shapeOf(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), "shape-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return checkShape(root).map(({ path, line, check }) => `${path}:${line} ${check}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** A case: the findings that are expected, then files, each after a line `-- path --`. */
function readCase(name: string): { expected: string[]; files: Record<string, string> } {
  const [head = "", ...sections] = readFileSync(join(cases, name), "utf8").split(/^-- (.+) --\n/m);
  const files: Record<string, string> = {};
  for (let i = 0; i < sections.length; i += 2) files[sections[i] ?? ""] = sections[i + 1] ?? "";
  return { expected: head.trim().split("\n"), files };
}

function linesOf(count: number): string {
  return "export {};\n".repeat(count);
}

function functionOf(lines: number, name = "long"): string {
  return `export function ${name}() {\n${"  tick();\n".repeat(lines - 2)}}\n`;
}

describe("each rule finds what breaks it and nothing else", () => {
  test.each(readdirSync(cases))("%s", (name) => {
    const { expected, files } = readCase(name);
    expect(shapeOf(files).sort()).toEqual(expected.sort());
  });
});

describe("sizes", () => {
  test("a file may have 400 lines, tests included, and not one more", () => {
    const files = { "src/base/a.ts": linesOf(400), "src/base/b.ts": linesOf(401), "src/base/b.test.ts": linesOf(401) };
    expect(shapeOf(files)).toEqual(["src/base/b.test.ts:1 file-lines", "src/base/b.ts:1 file-lines"]);
  });

  test("a function may have 60 lines; callbacks of tests and of conformance suites are not measured", () => {
    const found = shapeOf({
      "src/base/a.ts": functionOf(60),
      "src/base/b.ts": `\nexport const longer = () => {\n${"  tick();\n".repeat(59)}};\n`,
      "src/base/b.test.ts": functionOf(61),
      "src/testing/conformance/edge.ts": functionOf(61, "suite"),
      "src/testing/world.ts": functionOf(61, "longest"),
    });
    expect(found).toEqual(["src/base/b.ts:2 function-lines", "src/testing/world.ts:1 function-lines"]);
  });

  test("a component may have 150 lines, another function beside it 60", () => {
    const found = shapeOf({
      "web/pages/a.tsx": functionOf(150, "Page"),
      "web/pages/b.tsx": functionOf(151, "Page"),
      "web/pages/c.tsx": functionOf(61, "page"),
    });
    expect(found).toEqual(["web/pages/b.tsx:1 function-lines", "web/pages/c.tsx:1 function-lines"]);
  });

  test("the whole stays small", () => {
    const files = (lines: number, longest: number): Record<string, string> => {
      const names = Array.from({ length: 20 }, (_, i) => `src/base/f${i}.ts`);
      return Object.fromEntries(
        names.map((name, i) => [name, functionOf(longest, `f${i}`) + linesOf(lines - longest)]),
      );
    };
    expect(shapeOf(files(250, 10))).toEqual([]);
    expect(shapeOf(files(250, 11))).toEqual(["src:1 function-median"]);
    expect(shapeOf(files(251, 10))).toEqual(["src:1 file-p90"]);
  });

  test("of a hundred functions one may have more than 32 lines, in src/testing more than 45", () => {
    const files = (folder: string, lines: number): Record<string, string> =>
      Object.fromEntries(
        Array.from({ length: 200 }, (_, i) => [`${folder}/f${i}.ts`, functionOf(i < 3 ? lines : 5, `f${i}`)]),
      );
    expect(shapeOf(files("src/base", 32))).toEqual([]);
    expect(shapeOf(files("src/base", 33))).toEqual(["src:1 function-p99"]);
    expect(shapeOf(files("src/testing", 45))).toEqual([]);
    expect(shapeOf(files("src/testing", 46))).toEqual(["src:1 testing-p99"]);
  });
});
