import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { protocol } from "../adapters/edge/embedded/settings.ts";
import { Fault } from "../base/faults.ts";
import { leftEdgeCheck, logsCheck } from "./doctor.ts";

test("of an edge that goes on without its controller is said where, and how one of another version is exchanged", async () => {
  const state = await mkdtemp(join(tmpdir(), "fl-doctor-"));
  expect(await leftEdgeCheck(state)).toEqual([]);
  const hello = { protocol, pid: 4_711, listen: { host: "127.0.0.1", port: 8_080 }, secure: null };
  const edge = createServer((_req, res) => res.end(JSON.stringify(hello)));
  await mkdir(join(state, "edge"));
  edge.listen(join(state, "edge", "edge.sock"));
  await once(edge, "listening");
  expect(await leftEdgeCheck(state)).toMatchObject([
    { name: "edge", state: "ok", detail: expect.stringContaining("127.0.0.1:8080") },
  ]);
  hello.protocol = protocol - 1;
  expect(await leftEdgeCheck(state)).toMatchObject([
    { state: "fail", detail: expect.stringContaining("another version"), fix: expect.stringContaining("`kill 4711`") },
  ]);
  edge.close();
  await rm(state, { recursive: true });
});

test("that lines cannot be stored is said with since when, why, and what to do", () => {
  const fault = new Fault("disk.full", "no space is left on the disk");
  expect(logsCheck({ trouble: () => null }).state).toBe("ok");
  expect(logsCheck({ trouble: () => ({ since: 1_893_499_200_000, fault }) })).toMatchObject({
    state: "fail",
    detail: expect.stringMatching(/since 2030-01-01T12:00:00.000Z: no space is left/),
    fix: expect.stringContaining("Free space"),
  });
});
