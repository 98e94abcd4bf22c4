import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

test("every file of the project that a page of the manual names is there", async () => {
  const gone: string[] = [];
  for (const page of (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md"))) {
    const text = await readFile(join(root, "docs", page), "utf8");
    for (const [, path = ""] of text.matchAll(/`((?:src|test|tools|docs|examples|web)\/[A-Za-z0-9_./-]+)`/g)) {
      if (!existsSync(join(root, path))) gone.push(`docs/${page}: ${path}`);
    }
  }
  expect(gone).toEqual([]);
});
