import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BuildFolder, type BuildRecord } from "./record.ts";

test("a record that a loss of power cut off is none, and keeps no other from being read", async () => {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-record-"));
  const folder = new BuildFolder(directory);
  const key = { app: "shop", environment: "production" };
  const record: BuildRecord = {
    task: "build-a",
    key,
    release: 1,
    deployment: "d",
    digest: "x",
    since: 1,
    exit: null,
    failure: null,
  };
  await folder.write(record);
  expect(readdirSync(directory)).toEqual(["build-a.json"]);
  writeFileSync(join(directory, "build-b.json"), "");
  writeFileSync(join(directory, "build-c.json"), JSON.stringify(record).slice(0, 20));
  expect(await folder.read()).toEqual([record]);
  rmSync(directory, { recursive: true });
});
