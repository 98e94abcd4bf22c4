import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lackingHere } from "./needs.ts";

test("a need is met by any of the programs that will do, if it does what it is asked", () => {
  const directory = mkdtempSync(join(tmpdir(), "needs-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  chmodSync(directory, 0o755);
  for (const [name, script] of [
    ["broken", "exit 1"],
    ["whole", "echo 3.13.0"],
  ] as const) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  const lack = (program: string, ...or: string[]) =>
    lackingHere(
      [{ program, or, version: { range: "*", printedBy: [program, "-V"] }, why: "x", install: "y" }],
      `${directory}:/usr/bin:/bin`,
    );
  expect(lack("whole")).toEqual([]);
  expect(lack("missing", "broken", "whole")).toEqual([]);
  expect(lack("broken")).toEqual(['broken of this machine fails at "broken -V", and x asks for it: y']);
  expect(lack("missing", "broken")).toEqual(["this machine has no missing or broken, which x asks for: y"]);
});

test("a program that only root can reach is not there for apps of other users", ({ skip }) => {
  if (process.getuid?.() !== 0) skip("only root runs apps as other users");
  const directory = mkdtempSync(join(tmpdir(), "needs-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "hidden"), "#!/bin/sh\n");
  chmodSync(join(directory, "hidden"), 0o755);
  const lack = () => lackingHere([{ program: "hidden", why: "x", install: "y" }], directory);
  expect(lack()).toEqual(["this machine has no hidden, which x asks for: y"]);
  chmodSync(directory, 0o755);
  expect(lack()).toEqual([]);
});
