import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runChild } from "../../../src/host/child.ts";
import { composeText } from "../../../src/main/service/compose.ts";
import { unitText } from "../../../src/main/service/unit.ts";

// A case is `unit` or `compose` with the facts as JSON, a line `----`, and the file that is written. UPDATE=1 rewrites what
// is expected; read the difference before you keep it.

const directory = import.meta.dirname;
const update = process.env.UPDATE === "1";
const cases = readdirSync(directory)
  .filter((file) => file.endsWith(".case"))
  .map((file) => {
    const [head = "", expected = ""] = readFileSync(join(directory, file), "utf8").split(/^----\n/m);
    const [, kind, facts = ""] = /^(unit|compose) (.*)\n$/s.exec(head) ?? [];
    return { file, head, expected, kind, facts: JSON.parse(facts) };
  });

test.for(cases)("$file", ({ file, head, expected, kind, facts }) => {
  const written = kind === "unit" ? unitText(facts) : composeText(facts);
  if (update) writeFileSync(join(directory, file), `${head}----\n${written}`);
  else expect(written).toBe(expected);
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
