import { readdirSync } from "node:fs";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256, type TreeEntry, treeDigest } from "../../base/digest.ts";
import { type ArtifactSpec, plainBuild } from "../../model/release.ts";
import type { ArtifactState, Builder } from "../../ports/builder.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { exited, outputOf, runtimeKey, until } from "./runtime.ts";

/** A place where a builder can be tried out. */
export interface BuilderWorld {
  /** A builder on this place; opening a second one is what a restarted controller does. */
  open(): Builder;
  /** Shows builds that print something as tasks. */
  readonly runtime: Runtime;
  /** A directory around everything that the builder may write. */
  readonly root: string;
  /** What makes an artifact of these files by running a script among them; null: nothing is run. */
  told(files: Readonly<Record<string, string>>, script: string | null): Told;
  close(): Promise<void>;
}

/** How a builder is told to run a script: by a command of the manifest, or by a file of the source. */
export interface Told {
  readonly files: Readonly<Record<string, string>>;
  readonly command: readonly string[] | null;
}

type Tar = ReturnType<typeof pack>;
type Header = Parameters<Tar["entry"]>[0];

/** A tar stream of these entries, as hostile as they are. */
export function tarOf(...entries: readonly (Header & { text?: string })[]): AsyncIterable<Uint8Array> {
  const tar = pack();
  for (const { text, ...header } of entries) tar.entry(header, text ?? "");
  tar.finalize();
  return Readable.from(tar as AsyncIterable<Uint8Array>);
}

export function treeFile(path: string, text: string, executable = false): TreeEntry {
  return { path, kind: "file", executable, content: sha256(text) };
}

/** Admits a tree of plain files; the answer is its digest. */
export async function admitFiles(builder: Builder, files: Readonly<Record<string, string>>): Promise<string> {
  const digest = treeDigest(Object.entries(files).map(([path, text]) => treeFile(path, text)));
  await builder.admit(digest, tarOf(...Object.entries(files).map(([name, text]) => ({ name, text, mode: 0o600 }))));
  return digest;
}

export function artifactSpec(source: string, command: readonly string[] | null, context = "."): ArtifactSpec {
  return { ...plainBuild, digest: sha256(JSON.stringify([source, command, context])), source, context, command };
}

export const forWhom = { key: runtimeKey, release: 3, deployment: "dep_test" };

/** Looks until a build is not under way any more. */
export async function builtOrNot(builder: Builder, digest: string): Promise<ArtifactState> {
  return until(async () => {
    const state = await builder.observe(digest);
    return state.state === "building" ? null : state;
  });
}

/** What every builder must do, tried with real archives and real commands. */
export function builderConformance(adapter: string, make: () => Promise<BuilderWorld>): void {
  describe(`builder ${adapter}`, () => {
    let world: BuilderWorld;
    let builder: Builder;
    const any = sha256("any");
    const specOf = async (script: string | null, files: Readonly<Record<string, string>> = { a: "1" }) => {
      const told = world.told(files, script);
      return artifactSpec(await admitFiles(builder, told.files), told.command);
    };
    const builds = async () => (await world.runtime.observe(runtimeKey)).tasks;

    beforeEach(async () => {
      world = await make();
      builder = world.open();
    });
    afterEach(() => world.close());

    test("a source is taken in once its content is what its digest says", async () => {
      const entries = [
        treeFile("fairlead.yml", "version: 1\n"),
        treeFile("bin/run", "#!/bin/sh\n", true),
        { path: "latest", kind: "link", executable: false, content: "bin/run" },
      ] satisfies TreeEntry[];
      const digest = treeDigest(entries);
      expect(await builder.hasSource(digest)).toBe(false);
      const files = [
        { name: "latest", type: "symlink", linkname: "bin/run" },
        { name: "./bin/", type: "directory" },
        { name: "bin/run", mode: 0o4755, text: "#!/bin/sh\n" },
        { name: "fairlead.yml", mode: 0o600, text: "version: 1\n" },
      ] as const;
      await builder.admit(digest, tarOf(...files));
      expect(await builder.hasSource(digest)).toBe(true);
      expect(await world.open().hasSource(digest)).toBe(true);
      await builder.admit(digest, tarOf(...files));
    });

    test("a source that is something else than its digest says is refused, and is not there", async () => {
      const admitting = builder.admit(any, tarOf({ name: "a", text: "b" }));
      await expect(admitting).rejects.toMatchObject({ code: "source.digest-mismatch" });
      expect(await builder.hasSource(any)).toBe(false);
      expect(await builder.list()).toEqual([]);
    });

    test.each([
      ["a path upwards", [{ name: "../evil", text: "x" }]],
      ["a path upwards in the middle", [{ name: "a/../../evil", text: "x" }]],
      ["an absolute path", [{ name: "/tmp/evil", text: "x" }]],
      ["a link upwards", [{ name: "l", type: "symlink", linkname: "../.." }]],
      ["an absolute link", [{ name: "l", type: "symlink", linkname: "/etc/passwd" }]],
      [
        "a link by way of another",
        [
          { name: "a/up", type: "symlink", linkname: ".." },
          { name: "l", type: "symlink", linkname: "a/up/.." },
        ],
      ],
      [
        "a file behind a link",
        [
          { name: "l", type: "symlink", linkname: "." },
          { name: "l/evil", text: "x" },
        ],
      ],
      [
        "a directory behind a link",
        [
          { name: "l", type: "symlink", linkname: "." },
          { name: "l/evil", type: "directory" },
        ],
      ],
      [
        "a file in the place of a link",
        [
          { name: "l", type: "symlink", linkname: "x" },
          { name: "l", text: "x" },
        ],
      ],
      [
        "a file in a file",
        [
          { name: "f", text: "x" },
          { name: "f/g", text: "x" },
        ],
      ],
      [
        "a hard link",
        [
          { name: "f", text: "x" },
          { name: "h", type: "link", linkname: "f" },
        ],
      ],
      ["a device", [{ name: "d", type: "character-device", devmajor: 1, devminor: 3 }]],
      ["a pipe", [{ name: "p", type: "fifo" }]],
      ["an endless name", [{ name: `${"a/".repeat(600)}b`, text: "x" }]],
    ] as [string, Header[]][])(
      "an archive with %s is refused, and nothing of it is anywhere",
      async (_what, entries) => {
        const before = readdirSync(world.root);
        await expect(builder.admit(any, tarOf(...entries))).rejects.toMatchObject({ code: "source.unsafe" });
        expect(await builder.hasSource(any)).toBe(false);
        expect(readdirSync(world.root, { recursive: true }).filter((name) => String(name).includes("evil"))).toEqual(
          [],
        );
        expect(readdirSync(world.root).filter((name) => !before.includes(name)).length).toBeLessThanOrEqual(1);
      },
    );

    test.each([".env", "apps/web/.env.local", ".git/config", "vendor/x/.git"])(
      "an archive with %s is refused: neither secrets nor history come into an artifact",
      async (name) => {
        const admitting = builder.admit(any, tarOf({ name: "a", text: "1" }, { name, text: "TOKEN=1" }));
        await expect(admitting).rejects.toMatchObject({ code: "source.unsafe", detail: expect.stringContaining(name) });
        expect(await builder.hasSource(any)).toBe(false);
      },
    );

    test("an upload that is cut off, or no archive, is refused", async () => {
      const whole: Uint8Array[] = [];
      for await (const chunk of tarOf({ name: "a", text: "x".repeat(9_000) })) whole.push(chunk);
      const cut = Readable.from([Buffer.concat(whole).subarray(0, 3_000)]);
      await expect(builder.admit(any, cut)).rejects.toMatchObject({ code: "source.unsafe" });
      const noise = Readable.from([Buffer.alloc(4_096, "noise")]);
      await expect(builder.admit(any, noise)).rejects.toMatchObject({ code: "source.unsafe" });
    });

    test("an entry that claims to be larger than a source may be is refused before it is written", async () => {
      const tar = pack();
      tar.on("error", () => undefined);
      tar
        .entry({ name: "bomb", size: 2 * 1024 ** 3 })
        .on("error", () => undefined)
        .write(Buffer.alloc(1_024));
      const admitting = builder.admit(any, Readable.from(tar as AsyncIterable<Uint8Array>));
      await expect(admitting).rejects.toMatchObject({ code: "request.too-large" });
      tar.destroy();
    });

    test.each(["../../etc/passwd", "/etc/passwd", "", "sha256:../x", `sha256:${"g".repeat(64)}`])(
      "the digest %j is refused",
      async (digest) => {
        await expect(builder.admit(digest, tarOf())).rejects.toMatchObject({ code: "request.invalid" });
      },
    );

    test("a file of a source can be read, and nothing outside of it", async () => {
      const digest = await admitFiles(builder, {
        "fairlead.yml": "version: 1\n",
        "a/b": "deep",
        large: "x".repeat(1024 ** 2 + 1),
      });
      const read = async (path: string) => Buffer.from((await builder.readSource(digest, path)) ?? "none").toString();
      expect(await read("fairlead.yml")).toBe("version: 1\n");
      expect(await read("a/b")).toBe("deep");
      for (const path of ["none", "a", "../../../etc/passwd", "/etc/passwd", "a/../../x", "fairlead.yml/x", "a\0"])
        expect(await read(path)).toBe("none");
      expect(await builder.readSource(any, "fairlead.yml")).toBeNull();
      await expect(builder.readSource(digest, "large")).rejects.toMatchObject({ code: "request.too-large" });
    });

    test("a build is seen under way and then built, has its log, and is not begun a second time", async () => {
      const spec = await specOf("sleep 1; echo log li''ne; cat a");
      expect(await builder.observe(spec.digest)).toEqual({ state: "absent" });
      await Promise.all(Array.from({ length: 8 }, () => builder.build(spec, forWhom)));
      await builder.build(spec, forWhom);
      expect(await builder.observe(spec.digest)).toMatchObject({ state: "building" });
      expect(await builder.list()).toMatchObject([{ what: "source" }]);
      const [task] = await builds();
      expect(await builder.observe(spec.digest)).toMatchObject({ state: "building", task: task?.name });
      expect(task?.spec).toMatchObject({ purpose: "build", release: 3, deployment: "dep_test" });
      expect(task?.exit).toBeNull();
      expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
      expect(await exited(world.runtime, task?.name ?? "")).toMatchObject({ code: 0, reason: "exited" });
      expect(await outputOf(world.runtime, task?.name ?? "")).toMatch(/log line\n.*1/);
      await builder.build(spec, forWhom);
      expect(await builds()).toHaveLength(1);
      expect(await world.open().observe(spec.digest)).toEqual({ state: "built" });
    });

    test("a build that fails is told with its task and its own lines, leaves no artifact, and is begun anew", async () => {
      const spec = await specOf("echo out; echo n''o >&2; exit 3");
      await builder.build(spec, forWhom);
      const state = await builtOrNot(builder, spec.digest);
      const detail = expect.stringContaining("exited with 3");
      expect(state).toMatchObject({ state: "failed", code: "build.failed", detail });
      const task = state.state === "failed" ? (state.task ?? "") : "";
      expect(await exited(world.runtime, task)).toMatchObject({ code: 3, reason: "exited" });
      const streams = ["stdout", "stderr"] as const;
      const lines = await Promise.all(streams.map((stream) => outputOf(world.runtime, task, stream)));
      const own = lines.join("").match(/out\n|no\n/g);
      expect(new Set(own)).toEqual(new Set(["no\n", "out\n"]));
      expect((await builder.list()).filter(({ what }) => what === "artifact")).toEqual([]);
      expect(await world.open().observe(spec.digest)).toEqual(state);
      await builder.build(spec, forWhom);
      const again = await builtOrNot(builder, spec.digest);
      expect(again).toMatchObject({ state: "failed", detail });
      expect(again.state === "failed" && again.task).not.toBe(task);
    });

    test("a build that nobody waits for is ended, is not built, and can be begun again", async () => {
      const spec = await specOf("sleep 1000.5");
      await builder.build(spec, forWhom);
      const [task] = await builds();
      await world.runtime.signal(task?.name ?? "", "SIGKILL");
      expect(await exited(world.runtime, task?.name ?? "")).toMatchObject({ signal: "SIGKILL", reason: "signalled" });
      expect(["absent", "failed"]).toContain((await builtOrNot(builder, spec.digest)).state);
      await builder.build(spec, forWhom);
      expect((await builder.observe(spec.digest)).state).toBe("building");
      const next = (await builds()).find(({ exit }) => exit === null);
      await world.runtime.signal(next?.name ?? "", "SIGKILL");
      await exited(world.runtime, next?.name ?? "");
    });

    test("the task of a build that has ended can be forgotten, with its log; of one under way it cannot", async () => {
      const spec = await specOf("sleep 1000.25");
      await builder.build(spec, forWhom);
      const [task] = await builds();
      await expect(world.runtime.remove(task?.name ?? "")).rejects.toMatchObject({ code: "operation.failed" });
      await world.runtime.signal(task?.name ?? "", "SIGKILL");
      await exited(world.runtime, task?.name ?? "");
      await world.runtime.remove(task?.name ?? "");
      expect(await builds()).toEqual([]);
      expect(await builder.observe(spec.digest)).toEqual({ state: "absent" });
    });

    test("what another builder on the same place began is begun again or gone on with, and ends", async () => {
      const spec = await specOf("sleep 0.3");
      await builder.build(spec, forWhom);
      const next = world.open();
      await next.build(spec, forWhom);
      expect(await builtOrNot(next, spec.digest)).toEqual({ state: "built" });
      expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    });

    test.each(["..", "../..", "/etc", "none"])("the context %j is refused", async (context) => {
      const spec = { ...(await specOf(null)), context };
      await expect(builder.build(spec, forWhom)).rejects.toMatchObject({ code: "source.unsafe" });
      expect(await builder.observe(spec.digest)).toEqual({ state: "absent" });
    });

    test("a build of a source that is not there is refused", async () => {
      await expect(builder.build(artifactSpec(any, null), forWhom)).rejects.toMatchObject({ code: "source.missing" });
    });

    test("what is kept is listed with when it was wanted, and goes when it is removed", async () => {
      const begun = Date.now();
      const spec = await specOf(null, { a: "x".repeat(9_000) });
      await builder.build(spec, forWhom);
      expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
      const listed = await builder.list();
      expect(listed.map(({ digest, what }) => ({ digest, what }))).toEqual([
        { digest: spec.source, what: "source" },
        { digest: spec.digest, what: "artifact" },
      ]);
      for (const { bytes, touchedAt } of listed) {
        expect(bytes).toBeGreaterThanOrEqual(9_000);
        expect(touchedAt).toBeGreaterThan(begun - 2_000);
        expect(touchedAt).toBeLessThan(Date.now() + 2_000);
      }
      const older = await world.open().list();
      expect(older).toEqual(listed);
      await builder.build(spec, forWhom);
      const isNewer = async () => {
        await builder.observe(spec.digest);
        await builder.hasSource(spec.source);
        const newest = Math.max(...listed.map(({ touchedAt }) => touchedAt));
        return (await builder.list()).every(({ touchedAt }) => touchedAt > newest);
      };
      await expect.poll(isNewer).toBe(true);
      for (const object of listed) await builder.remove(object);
      expect(await builder.list(), "what was asked for since it was listed").toHaveLength(listed.length);
      for (const { digest, what } of [...listed, ...listed]) await builder.remove({ digest, what });
      expect(await builder.list()).toEqual([]);
      expect(await builder.observe(spec.digest)).toEqual({ state: "absent" });
    });
  });
}
