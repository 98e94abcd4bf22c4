import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Fault } from "../../../base/faults.ts";
import { startChild } from "../../../host/child.ts";
import { holdState } from "./lease.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-lease-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function refusal(): Fault {
  try {
    holdState(directory, "a second one").release();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  return expect.fail("the second holder was let in");
}

test("a second holder is refused and told who holds it", () => {
  const lease = holdState(directory, "controller on :7070");
  const fault = refusal();
  expect(fault.code).toBe("controller.held");
  const { since } = JSON.parse(readFileSync(join(directory, "lease.json"), "utf8"));
  expect(fault.detail).toBe(`${directory} is in use by process ${process.pid} (controller on :7070) since ${since}`);
  for (const name of ["lease.json", "lease.db"]) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  lease.release();
  lease.release();
  holdState(directory, "the next").release();
});

test("kill -9 of the holder, and nothing before it, lets the directory go at once", async () => {
  const script = `import { holdState } from ${JSON.stringify(join(import.meta.dirname, "lease.ts"))};
    holdState(process.argv[1], "a child"); gc(); process.stdout.write("held"); setInterval(() => {}, 1000);`;
  const command = [process.execPath, "--expose-gc", "--input-type=module", "-e", script, directory] as const;
  const child = startChild(command, { env: {}, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    expect(refusal().detail).toContain(`process ${child.pid} (a child)`);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  holdState(directory, "the next").release();
});
