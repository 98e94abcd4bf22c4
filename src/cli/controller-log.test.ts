import { expect, test } from "vitest";
import { humanLine } from "./controller-log.ts";
import { paintFor } from "./paint.ts";

const plain = paintFor(false);
const time = "2026-01-01T12:34:56.000Z";
const at = new Date(time).toTimeString().slice(0, 8);

test.each([
  [{ level: 30, time, msg: "the controller is up", pid: 7 }, `${at} info  the controller is up pid=7`],
  [
    { level: 30, time, requestId: "req_1", method: "POST", path: "/v1/x", status: 202, ms: 3, msg: "request" },
    `${at} info  request method=POST path=/v1/x status=202 ms=3`,
  ],
  [
    { level: 50, time, err: { type: "TypeError", stack: "TypeError: no\n    at x.ts" }, msg: "a request failed" },
    `${at} error a request failed err=TypeError: no\n    at x.ts`,
  ],
  [{ level: 40, time, key: { a: 1 }, msg: "bell\u0007" }, `${at} warn  bell key={"a":1}`],
  [{}, "info  "],
])("a line of the controller's log %j is for people %j", (entry, words) => {
  expect(humanLine(`${JSON.stringify(entry)}\n`, plain)).toBe(words);
});

test("what is not JSON stays as it is", () => {
  expect(humanLine("Warning: something\n", plain)).toBe("Warning: something");
});
