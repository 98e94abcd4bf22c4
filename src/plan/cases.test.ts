import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readWorld } from "../testing/simulation/case.ts";
import { plan } from "./decide.ts";
import { explain } from "./explain.ts";
import { breachOf } from "./invariants.ts";

const folder = new URL("../../test/cases/plan/", import.meta.url);
const divider = "---- plan\n";
const files = readdirSync(folder).filter((name) => name.endsWith(".case"));

describe("what the planner does next", () => {
  test("there are cases", () => expect(files.length).toBeGreaterThanOrEqual(20));

  test.each(files)("%s", (name) => {
    const file = new URL(name, folder);
    const [world = "", wanted = ""] = readFileSync(file, "utf8").split(divider);
    const s = readWorld(world);
    const decided = plan(s);
    expect(breachOf({ s, plan: decided })).toBeNull();
    const found = `${explain(decided).join("\n")}\n`;
    if (process.env.UPDATE === "1") writeFileSync(file, world + divider + found);
    else expect(found).toBe(wanted);
  });
});
