import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startChild } from "../host/child.ts";
import { waitedMs } from "../testing/waited.ts";
import { Closers } from "./closing.ts";

const never = () => new Promise<void>(() => undefined);

test("everything is closed from the last to the first, once", async () => {
  const closers = new Closers();
  const closed: string[] = [];
  for (const what of ["lease", "journal", "server"]) closers.add(what, async () => void closed.push(what));
  const told: string[] = [];
  expect(await closers.close((words) => told.push(words))).toBe(true);
  expect([await closers.close((words) => told.push(words)), closed, told]).toEqual([
    true,
    ["server", "journal", "lease"],
    [],
  ]);
});

test("what hangs or fails is given up and told, and keeps nothing after it open", async () => {
  const closers = new Closers();
  let isClosed = false;
  closers.add("journal", () => {
    isClosed = true;
  });
  for (const what of ["edge", "engine", "requests", "certificates"]) closers.add(what, never);
  closers.add("logs", () => {
    throw new TypeError("the disk is gone");
  });
  closers.add("runtime", () => Promise.reject(new TypeError("no answer")));
  const told: string[] = [];
  const begun = performance.now() - (await waitedMs());
  expect(await closers.close((words) => told.push(words))).toBe(false);
  expect(performance.now() - (await waitedMs()) - begun).toBeLessThan(9_500);
  expect(isClosed).toBe(true);
  expect(told).toEqual([
    "runtime: no answer",
    "logs: the disk is gone",
    ...["certificates", "requests", "engine", "edge"].map((what) =>
      expect.stringMatching(`${what}: did not end within`),
    ),
  ]);
});

test("a process whose main thread is stuck is killed by a thread of its own", async () => {
  const script = `import { killLater } from ${JSON.stringify(join(import.meta.dirname, "closing.ts"))};
    killLater(200); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
  const command = [process.execPath, "--input-type=module", "-e", script] as const;
  const child = startChild(command, { env: {}, stdio: ["ignore", "ignore", "pipe"] });
  const words = child.stderr?.toArray();
  const [, signal] = await once(child, "exit");
  expect([signal, Buffer.concat((await words) ?? []).toString()]).toEqual([
    "SIGKILL",
    expect.stringContaining("did not end in time"),
  ]);
});
