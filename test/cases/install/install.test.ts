import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runChild } from "../../../src/host/child.ts";
import { composeText } from "../../../src/main/service/compose.ts";
import { unitText } from "../../../src/main/service/unit.ts";
import { goldenCases, judgeGolden } from "../golden.ts";

// A case is `unit` or `compose` with the facts as JSON, a line `----`, and the file that is written. UPDATE=1 rewrites what
// is expected; read the difference before you keep it.

const directory = import.meta.dirname;
const cases = goldenCases(directory).map((golden) => {
  const [, kind, facts = ""] = /^(unit|compose) (.*)\n$/s.exec(golden.text) ?? [];
  return { ...golden, kind, facts: JSON.parse(facts) };
});

test.for(cases)("$file", ({ kind, facts, ...golden }) => {
  judgeGolden(directory, golden, kind === "unit" ? unitText(facts) : composeText(facts));
});

describe("what reads it understands it", () => {
  test.for(cases.filter(({ kind }) => kind === "unit"))("$file", async ({ facts }, { skip }) => {
    const env = { PATH: process.env.PATH ?? "" };
    const found = await runChild(["systemd-analyze", "--version"], { env }).catch(() => null);
    if (found === null) skip("no systemd-analyze on this machine");
    const at = mkdtempSync(join(tmpdir(), "fairlead-unit-"));
    try {
      const file = join(at, "fairlead.service");
      // It looks whether the program is there.
      writeFileSync(file, unitText({ ...facts, program: "/bin/true" }));
      expect(await runChild(["systemd-analyze", "verify", "--man=no", file], { env })).toMatchObject({ stderr: "", code: 0 });
    } finally {
      rmSync(at, { recursive: true });
    }
  });

  test.for(cases.filter(({ kind }) => kind === "compose"))("$file", ({ facts }) => {
    const { controller } = parse(composeText(facts)).services;
    const { stateDirectory, engineSocket, flags } = facts;
    expect(controller.command).toEqual(["controller", "--state", stateDirectory, "--engine", engineSocket, ...flags]);
    expect(controller.volumes.map(({ source, target }: { source: string; target: string }) => [source, target])).toEqual([
      [engineSocket, engineSocket],
      [stateDirectory, stateDirectory],
    ]);
  });
});
