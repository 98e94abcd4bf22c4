import { describe, expect, test } from "vitest";
import { defaultUids, type NumbersInUse, numbersInUse, userNamed, usersOf } from "./users.ts";

const free: NumbersInUse = { maps: ["         0          0 4294967295\n"], names: [], lent: [] };
const range = { from: 70_000, to: 70_009 };

test("a range has a user for the edge, one for the store, and the rest for environments", () => {
  expect(usersOf(range, free)).toEqual({
    edge: { uid: 70_000, gid: 70_000 },
    store: { uid: 70_001, gid: 70_001 },
    apps: { from: 70_002, to: 70_009 },
  });
});

test("the default range is beside what Debian gives to containers of users", () => {
  expect(usersOf(defaultUids, { ...free, lent: ["eve:100000:65536\n"] }).apps.to).toBe(defaultUids.to);
  expect(numbersInUse().names[0]).toContain("root:");
});

describe("a range is refused, with what stands in its way,", () => {
  const refused: readonly [string, { from: number; to: number }, Partial<NumbersInUse>, RegExp][] = [
    ["for two users", { from: 70_000, to: 70_001 }, {}, /need one each/],
    ["among those of people and the system", { from: 500, to: 600 }, {}, /between 1000/],
    ["beyond 32 bits", { from: 4_294_967_290, to: 4_294_967_295 }, {}, /between 1000/],
    ["where a container has fewer", range, { maps: ["0 100000 65536\n"] }, /does not have them/],
    ["where two maps leave a gap", range, { maps: ["0 0 70005\n70006 70006 100\n"] }, /does not have them/],
    ["where the groups have fewer", range, { maps: [...free.maps, "0 0 1000\n"] }, /does not have them/],
    ["where somebody has one", range, { names: ["eve:x:70003:100::/:/bin/sh\n"] }, /70003 is eve/],
    ["where a group has one", range, { names: ["", "# g\nstaff:x:70009:\n"] }, /70009 is staff/],
    ["where containers have them", range, { lent: ["dan:69000:65536\n"] }, /containers of dan/],
  ];
  test.each(refused)("%s", (_name, given, inUse, words) => {
    expect(() => usersOf(given, { ...free, ...inUse })).toThrow(
      expect.objectContaining({ code: "runtime.user", detail: expect.stringMatching(words) }),
    );
  });
});

test("maps that touch each other are one", () => {
  expect(usersOf(range, { ...free, maps: ["0 0 70005\n70005 90000 100\n"] }).edge.uid).toBe(70_000);
});

test("a user is found by name", () => {
  expect(userNamed("root")).toEqual({ uid: 0, gid: 0 });
  expect(userNamed("no-such-user")).toBeNull();
});
