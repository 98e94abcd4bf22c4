import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writePrivate } from "./private-file.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-"));
  path = join(directory, ".env");
});
afterEach(() => rmSync(directory, { recursive: true }));

const modeOf = () => (statSync(path).mode & 0o777).toString(8);

test("what takes the place of a file that others could read is read by its owner alone", async () => {
  writeFileSync(path, "long before: everybody may read this", { mode: 0o644 });
  await writePrivate(path, { content: "TOKEN=a\n", force: true });
  expect([readFileSync(path, "utf8"), modeOf()]).toEqual(["TOKEN=a\n", "600"]);
});

test("a file is made private, and one that is there is left alone without force", async () => {
  await writePrivate(path, { content: "TOKEN=a\n", force: false });
  expect(modeOf()).toBe("600");
  await expect(writePrivate(path, { content: "TOKEN=b\n", force: false })).rejects.toMatchObject({
    code: "file.exists",
  });
  expect(readFileSync(path, "utf8")).toBe("TOKEN=a\n");
});
