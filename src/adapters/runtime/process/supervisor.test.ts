import { expect, test } from "vitest";
import { parseClaim, parseExitRecord, recordText } from "./supervisor.ts";

const about = { writtenAt: 1_000, oomKills: 5 };

test.each([
  ["0 \n", { code: 0, signal: null, reason: "exited" }],
  ["255 \n", { code: 255, signal: null, reason: "exited" }],
  ["126 \n", { code: 126, signal: null, reason: "could-not-start" }],
  ["127 \n", { code: 127, signal: null, reason: "could-not-start" }],
  ["143 \n", { code: null, signal: "SIGTERM", reason: "signalled" }],
  ["137 5\n", { code: null, signal: "SIGKILL", reason: "signalled" }],
  ["137 6\n", { code: null, signal: "SIGKILL", reason: "out-of-memory" }],
  ["137 \n", { code: null, signal: "SIGKILL", reason: "signalled" }],
])("the record %j is an exit", (text, exit) => {
  expect(parseExitRecord(text, about)).toEqual({ at: 1_000, ...exit });
});

test.each(["", "13", "137 5", "x 1\n"])("the record %j is not written yet", (text) => {
  expect(parseExitRecord(text, about)).toBeNull();
});

test("what the runtime writes itself carries its own time", () => {
  expect(parseExitRecord(recordText("lost", 77), about)).toEqual({ at: 77, code: null, signal: null, reason: "lost" });
  expect(parseExitRecord(recordText("killed", 78), about)).toMatchObject({ at: 78, signal: "SIGKILL" });
  expect(parseExitRecord(recordText("refused", 79), about)).toMatchObject({ at: 79, reason: "could-not-start" });
});

test("a claim names a process, and never one whose negative would signal more than a group", () => {
  expect(parseClaim("42 7 ab-1\n", 9)).toEqual({ pid: 42, ticks: 7, boot: "ab-1", at: 9 });
  for (const text of ["", "42", "42 7 ab", "1 7 ab\n", "0 7 ab\n", "-5 7 ab\n", "42 7 ab\nmore\n"]) {
    expect(parseClaim(text, 9).pid).toBeNull();
  }
});
