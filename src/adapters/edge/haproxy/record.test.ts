import { expect, test } from "vitest";
import { parseAccessRecord } from "./record.ts";

const route = "1|7|pool4-1|60000|1024|0|h|none|0|0|f377cd0f83f801fd|none|0";
const lineOf = (path: string, answered = "1500000") =>
  `${route} s2 id-1 192.0.2.1 GET a.test 200 1000000 ${answered} 2000120 -- ${path}`;

test("a line of HAProxy's is a request of its route and slot, with its times", () => {
  expect(parseAccessRecord(lineOf("/a"))).toEqual({
    lease: 7,
    slot: 1,
    requestId: "id-1",
    client: "192.0.2.1",
    method: "GET",
    host: "a.test",
    status: 200,
    durationMs: 1_000.12,
    answeredMs: 500,
    at: 1_000,
    policy: "f377cd0f83f801fd",
    path: "/a",
  });
});

test("a client that went before the answer is 499, and a line without a route is none", () => {
  expect(parseAccessRecord(lineOf("/a", "-").replace(" -- ", " CH "))).toMatchObject({ status: 499, answeredMs: null });
  expect(parseAccessRecord(lineOf("/a").replace(route, "-"))).toBeNull();
});

test("a path is told as it was asked for, as far as it fits", () => {
  const pathOf = (path: string) => parseAccessRecord(lineOf(path))?.path;
  expect(pathOf("/say#22hello#22/#C3#A9")).toBe('/say"hello"/é');
  expect(pathOf("/long%20path")).toBe("/long%20path");
  expect(pathOf(`/${"x".repeat(3_000)}`)).toHaveLength(2_048);
  expect(pathOf("")).toBe("-");
});
