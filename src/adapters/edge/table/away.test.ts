import { expect, test } from "vitest";
import { Fault } from "../../../base/faults.ts";
import { observed } from "./away.ts";

const up = { up: true, table: null, stats: {} };

test("what an edge says of routes counts only while clients are answered", async () => {
  expect(
    await observed(
      async () => "answers",
      async () => up,
    ),
  ).toBe(up);
  expect(
    await observed(
      async () => "deaf",
      async () => up,
    ),
  ).toBe(up);
  for (const standing of ["busy", "silent", "away"] as const) {
    expect(
      await observed(
        async () => standing,
        async () => up,
      ),
    ).toEqual({ up: false, table: null, stats: {} });
  }
});

test("only that nobody answers means that it is away: a programming error is none", async () => {
  const failing = (thrown: unknown) =>
    observed(
      async () => "answers",
      () => Promise.reject(thrown),
    );
  expect(await failing(new Fault("edge.unreachable", "gone"))).toEqual({ up: false, table: null, stats: {} });
  for (const thrown of [new TypeError("x is not a function"), new Fault("operation.failed", "odd")]) {
    await expect(failing(thrown)).rejects.toBe(thrown);
  }
});

test("an edge that falls silent while it is asked is away, however long its own socket takes", async () => {
  const standings = ["answers", "silent"] as const;
  let looks = 0;
  const look = async () => standings[looks++] ?? "silent";
  expect((await observed(look, () => new Promise(() => undefined))).up).toBe(false);
});
