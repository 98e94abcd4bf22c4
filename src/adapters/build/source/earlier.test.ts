import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256, treeDigest } from "../../../base/digest.ts";
import { wallClock } from "../../../testing/clock.ts";
import { tarOf, treeFile } from "../../../testing/conformance/builder.ts";
import { artifactDirectory, ContentStore } from "./content-store.ts";
import { adoptArtifact } from "./earlier.ts";
import { Sources } from "./sources.ts";

/** Sources and artifacts lie where previous versions put them. */
let directory: string;
let store: ContentStore;
let sources: Sources;
const digest = treeDigest([
  treeFile("a/b", "1"),
  treeFile("run", "2", true),
  { path: "l", kind: "link", executable: false, content: "a/b" },
]);
const tar = () =>
  tarOf(
    { name: "a/b", text: "1", mode: 0o600 },
    { name: "run", text: "2", mode: 0o755 },
    { name: "l", type: "symlink", linkname: "a/b" },
  );
const artifact = sha256("artifact");
const earlier = (kind: "sources" | "artifacts", of: string) => join(directory, kind, of.slice(7));
const wholeSources = () => readdirSync(join(directory, "whole/sources"));

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "fairlead-shelf-"));
  mkdirSync(join(directory, "artifacts"));
  mkdirSync(earlier("artifacts", artifact));
  writeFileSync(join(earlier("artifacts", artifact), "f"), "1");
  mkdirSync(join(directory, "sources"));
  store = new ContentStore({ directory, kinds: ["source", "artifact"], owner: null, notify: () => undefined });
  await store.open(async () => new Set());
  sources = new Sources(store, wallClock);
  await sources.admit(digest, tar());
  renameSync(store.path("source", digest), earlier("sources", digest));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a source is taken over when its content is what its name says", async () => {
  expect(await Promise.all([sources.has(digest), sources.has(digest)])).toEqual([true, true]);
  expect(wholeSources()).toEqual([digest.slice(7)]);
  expect(Buffer.from((await sources.read(digest, "a/b")) ?? "").toString()).toBe("1");
});

test.each([
  ["empty", (at: string) => writeFileSync(join(at, "a/b"), "")],
  ["torn", (at: string) => writeFileSync(join(at, "run"), "\0")],
  ["away", (at: string) => rmSync(join(at, "a/b"))],
  ["more than there were", (at: string) => symlinkSync("x", join(at, "y"))],
])(
  "a source with files that are %s after a loss of power is not there, and the same upload heals it",
  async (_, harm) => {
    harm(earlier("sources", digest));
    expect(await sources.has(digest)).toBe(false);
    expect(wholeSources()).toEqual([]);
    await sources.admit(digest, tar());
    expect(await sources.has(digest)).toBe(true);
    expect(Buffer.from((await sources.read(digest, "a/b")) ?? "").toString()).toBe("1");
  },
);

test("an artifact is taken over when it was made since the machine was started, else it is not there", async () => {
  const to = join(directory, "copy");
  const from = earlier("artifacts", artifact);
  expect(await adoptArtifact({ from, to, owner: null, started: Date.now() + 1 })).toBe(false);
  expect(artifactDirectory(directory, artifact)).toBe(from);
  expect(await store.has("artifact", artifact)).toBe(true);
  expect(artifactDirectory(directory, artifact)).toBe(store.path("artifact", artifact));
  expect(readFileSync(join(store.path("artifact", artifact), "f"), "utf8")).toBe("1");
});

test("what an earlier version kept is listed once, and removed with what was made of it", async () => {
  cpSync(earlier("artifacts", artifact), store.path("artifact", artifact), { recursive: true });
  expect((await store.list(["source", "artifact"])).map((object) => object.digest).sort()).toEqual(
    [artifact, digest].sort(),
  );
  for (const object of await store.list(["source", "artifact"])) await store.remove(object.what, object.digest);
  expect(await store.list(["source", "artifact"])).toEqual([]);
  for (const kind of ["sources", "artifacts"]) expect(readdirSync(join(directory, kind))).toEqual([]);
});
