import { createServer } from "node:net";
import { expect, test } from "vitest";
import { runChild } from "../host/child.ts";
import { ownPort, ownPorts } from "./ports.ts";

/** What another test process is given. */
async function othersPort(): Promise<number> {
  const script = `const { ownPort } = await import(${JSON.stringify(import.meta.resolve("./ports.ts"))}); console.log(await ownPort())`;
  const { stdout } = await runChild([process.execPath, "--input-type=module", "--eval", script], { env: {} });
  return Number(stdout);
}

test("ports are given once, in a row, and to one process", async () => {
  const { from, to } = await ownPorts(60);
  expect(to - from).toBe(59);
  const next = await ownPort();
  expect(next).toBeGreaterThan(to);
  const other = await othersPort();
  expect(Math.abs(other - from)).toBeGreaterThanOrEqual(400);
});

test("a port on which somebody listens is passed over", async () => {
  const { to } = await ownPorts(1);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(to + 1, resolve));
  expect(await ownPort()).toBeGreaterThan(to + 1);
  server.close();
});
