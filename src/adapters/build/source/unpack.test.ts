import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tarOf } from "../../../testing/conformance/builder.ts";
import { staysInside, unpack, unpackLimits } from "./unpack.ts";

let root: string;
let made = 0;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fairlead-unpack-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const into = (): string => {
  made += 1;
  mkdirSync(join(root, `${made}`));
  return join(root, `${made}`);
};
const file = (name: string) => ({ name, text: "1" });

describe("what is too large is refused as soon as that is seen", () => {
  test("more entries, or more bytes, than allowed", async () => {
    const many = tarOf(file("a"), file("b"), file("c"));
    await expect(unpack(many, into(), { ...unpackLimits, entries: 2 })).rejects.toMatchObject({
      code: "request.too-large",
    });
    const big = tarOf({ name: "a", text: "x".repeat(60) }, { name: "b", text: "x".repeat(60) });
    const place = into();
    await expect(unpack(big, place, { ...unpackLimits, bytes: 100 })).rejects.toMatchObject({
      code: "request.too-large",
    });
    expect(readdirSync(place)).toEqual(["a"]);
  });

  test.each([
    ["that only stand in the paths of others", [file("a/b/c/d/e")]],
    ["that only a link stands in", [{ name: "a/b/c/d/e", type: "symlink", linkname: "f" }]],
    ["that are directories' own", [{ name: "a/b/c/d/e/", type: "directory" }]],
    ["that are said again", Array.from({ length: 5 }, () => ({ name: "a/", type: "directory" }))],
    ["that are the root", Array.from({ length: 5 }, () => ({ name: "./", type: "directory" }))],
  ] as [string, Parameters<typeof tarOf>[number][]][])("directories count: those %s", async (_, entries) => {
    const limits = { ...unpackLimits, entries: 4 };
    await expect(unpack(tarOf(...entries), into(), limits)).rejects.toMatchObject({ code: "request.too-large" });
    await unpack(tarOf(...entries), into(), { ...unpackLimits, entries: 5 });
  });

  test("deeper than any tree of sources", async () => {
    const deep = (depth: number) => tarOf(file(`${"a/".repeat(depth)}b`));
    await unpack(deep(unpackLimits.depth), into());
    await expect(unpack(deep(unpackLimits.depth + 1), into())).rejects.toMatchObject({ code: "source.unsafe" });
  });

  test("names that take more memory than those of any source", async () => {
    const files = Array.from({ length: 20 }, (_, i) => file(`${String(i).padEnd(250, "n")}/a`));
    const unpacking = unpack(tarOf(...files), into(), { ...unpackLimits, names: 9_999 });
    await expect(unpacking).rejects.toMatchObject({
      code: "request.too-large",
      detail: expect.stringContaining("names"),
    });
    await unpack(tarOf(...files), into(), { ...unpackLimits, names: 10_500 });
  });

  test("a header of thousands of fields", async () => {
    const pax = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`k${i}`, "v"]));
    const unpacking = unpack(tarOf({ name: "a", text: "1", pax }), into());
    await expect(unpacking).rejects.toMatchObject({ code: "source.unsafe" });
  });
});

test.each([
  ["l", "a", true],
  ["d/l", "../a", true],
  ["l", "./a/./b", true],
  ["l", "..", false],
  ["d/l", "../..", false],
  ["d/l", "a/../../..", false],
  ["d/l", "a/..", false],
  ["l", "/a", false],
  ["l", "", false],
])("a link at %j to %j stays inside: %s", (path, target, inside) => {
  expect(staysInside(path, target)).toBe(inside);
});
