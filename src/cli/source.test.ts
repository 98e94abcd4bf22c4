import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { extract } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256, type TreeEntry, treeDigest } from "../base/digest.ts";
import { Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import { childOutput, runChild } from "../host/child.ts";
import { leftOutLines } from "./ignored.ts";
import { packSource, readSource, uploadSource } from "./source.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "fairlead-source-"));
  put("fairlead.yml", "app: shop\n");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(at: string, content = at): void {
  mkdirSync(path.dirname(path.join(root, at)), { recursive: true });
  writeFileSync(path.join(root, at), content);
}

function manifest() {
  return { directory: root, file: path.join(root, "fairlead.yml") };
}

function paths(): string[] {
  return readSource(manifest())
    .entries.map((entry) => entry.path)
    .sort();
}

/** What is left out, with the reasons. */
function leftOut(): string[][] {
  return readSource(manifest())
    .leftOut.map((one) => [one.path, one.why])
    .sort();
}

function faultOf(run: () => unknown): Fault {
  try {
    run();
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  return expect.fail("no fault was thrown");
}

/** What a controller reads out of the archive, by the definition of `treeDigest`. */
async function unpack(tar: Readable): Promise<{ entries: TreeEntry[]; headers: object[] }> {
  const entries: TreeEntry[] = [];
  const headers: object[] = [];
  const unpacked = extract();
  tar.once("error", (error) => unpacked.destroy(error)).pipe(unpacked);
  for await (const entry of unpacked) {
    const { name, type, linkname, mode = 0, mtime, uid } = entry.header;
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    headers.push({ name, mtime: mtime?.getTime(), uid });
    if (type === "symlink") entries.push({ path: name, kind: "link", executable: false, content: linkname ?? "" });
    else {
      const content = sha256(Buffer.concat(chunks));
      entries.push({ path: name, kind: "file", executable: (mode & 0o111) !== 0, content });
    }
  }
  return { entries, headers };
}

describe("what belongs to a source", () => {
  test("never history, packages, our own state or files with secrets", () => {
    for (const at of [
      ".git/config",
      "node_modules/a/index.js",
      "packages/x/node_modules/b.js",
      ".fairlead/journal.db",
    ]) {
      put(at);
    }
    for (const at of [".env", ".env.production", "packages/x/.env.local", ".env.example", ".envrc", "src/env.ts"])
      put(at);
    expect(paths()).toEqual([".env.example", ".envrc", "fairlead.yml", "src/env.ts"]);
  });

  test("not what .gitignore names, and a deeper one adds to it and takes back", () => {
    put(".gitignore", "*.log\n/dist\nsecret/\n");
    put("packages/a/.gitignore", "!kept.log\nbuild\n");
    for (const at of ["a.log", "dist/x.js", "src/dist/y.js", "secret/key", "packages/a/kept.log"]) put(at);
    for (const at of ["packages/a/other.log", "packages/a/build/x", "packages/b/build/x"]) put(at);
    expect(paths()).toEqual([
      ".gitignore",
      "fairlead.yml",
      "packages/a/.gitignore",
      "packages/a/kept.log",
      "packages/b/build/x",
      "src/dist/y.js",
    ]);
  });

  test("not what .dockerignore names, with its own rules: from the root, and exceptions inside", () => {
    put(".dockerignore", "# comment\ntmp\n**/*.bak\ndocs\n!docs/keep.md\n/logs/\n");
    for (const at of ["tmp/a", "src/tmp/b", "src/c.bak", "docs/a.md", "docs/keep.md", "logs/x", "src/logs/y"]) put(at);
    expect(paths()).toEqual([".dockerignore", "docs/keep.md", "fairlead.yml", "src/logs/y", "src/tmp/b"]);
  });

  test("a Dockerfile, also where .dockerignore keeps it out of the image", () => {
    put(".dockerignore", "*\n");
    for (const name of ["Dockerfile", "Dockerfile.web", "web.Dockerfile", "Dockerfiles"]) put(name, "FROM scratch\n");
    expect(paths()).toEqual(["Dockerfile", "Dockerfile.web", "fairlead.yml", "web.Dockerfile"]);
    put(".gitignore", "Dockerfile.web\n");
    expect(paths()).toEqual(["Dockerfile", "fairlead.yml", "web.Dockerfile"]);
  });

  test("always the manifest, and under its own name when another file is used", () => {
    put(".dockerignore", "*\n");
    put("deploy/other.yml", "app: other\n");
    expect(paths()).toEqual(["fairlead.yml"]);
    const other = readSource({ directory: root, file: path.join(root, "deploy/other.yml") });
    expect(other.entries).toMatchObject([{ path: "fairlead.yml", content: sha256("app: other\n") }]);
  });

  test("a link that stays inside is kept; one that leads out is refused by name", () => {
    put("src/real.txt");
    symlinkSync("real.txt", path.join(root, "src/link"));
    symlinkSync("../src", path.join(root, "src/loop"));
    expect(paths()).toEqual(["fairlead.yml", "src/link", "src/loop", "src/real.txt"]);
    for (const target of ["/etc/passwd", "../../etc/passwd", "../.."]) {
      symlinkSync(target, path.join(root, "src/bad"));
      expect(faultOf(paths)).toMatchObject({ code: "source.unsafe", detail: expect.stringContaining("src/bad") });
      rmSync(path.join(root, "src/bad"));
    }
  });

  test("directories too deep for any path to name, and rules that cannot be read, are told in few words", () => {
    const name = "d".repeat(200);
    const here = process.cwd();
    process.chdir(root);
    for (let depth = 0; depth < 30; depth += 1) {
      mkdirSync(name);
      process.chdir(name);
    }
    process.chdir(here);
    const { code, detail } = faultOf(paths);
    expect(code).toBe("source.unsafe");
    expect(detail).toMatch(/^d{200}… has too long a path$/);
    rmSync(path.join(root, name), { recursive: true });
    symlinkSync(".gitignore", path.join(root, ".gitignore"));
    expect(faultOf(paths)).toMatchObject({ code: "source.unsafe", detail: ".gitignore cannot be read" });
  });

  test("a file whose name is not UTF-8 is left out and named: it cannot be opened by what was read", () => {
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff])]), "");
    put("good\ufffd");
    expect(paths()).toEqual(["fairlead.yml", "good\ufffd"]);
    expect(leftOut()).toEqual([["bad\ufffd", "its name is not UTF-8"]]);
  });

  test("everything that is left out is named with its reason", async () => {
    put(".gitignore", "dist/\n*.log\n");
    put(".dockerignore", "docs\n");
    for (const at of ["dist/a.js", "src/a.log", "docs/a.md", ".env", "node_modules/a.js", "src/a.js"]) put(at);
    await runChild(["mkfifo", path.join(root, "pipe")], { env: {} });
    expect(leftOut()).toEqual([
      [".env", "never part of a source"],
      ["dist/", "by .gitignore"],
      ["docs/", "by .dockerignore"],
      ["node_modules/", "never part of a source"],
      ["pipe", "neither file, directory nor link"],
      ["src/a.log", "by .gitignore"],
    ]);
    expect(leftOutLines(readSource(manifest()).leftOut)).toEqual([
      "left out, by .dockerignore: docs/",
      "left out, by .gitignore: dist/, src/a.log",
      "left out, neither file, directory nor link: pipe",
      "left out, never part of a source: .env, node_modules/",
    ]);
  });

  test("what Git tracks, whatever .gitignore says, but not what lies beside it", async ({ skip }) => {
    const isThere = childOutput(["git", "--version"], { cwd: root, env: {}, limit: 1_000, withinMs: 60_000 }) !== null;
    if (!isThere) skip("Git is not installed here");
    put(".gitignore", "dist/\nvendor\n*.log\n");
    put("lib/.gitignore", "*\n");
    for (const at of ["dist/app.js", "dist/deep/er.js", "vendor/a/b.js", "kept.log", "lib/ünï çødé.js"]) put(at);
    const git = (...args: string[]) => runChild(["git", ...args], { cwd: root, env: {} });
    expect((await git("init")).code).toBe(0);
    expect((await git("add", "--force", ".")).code).toBe(0);
    for (const at of ["dist/new.js", "dist/other/a.js", "vendor/a/c.js", "new.log", "lib/new.js"]) put(at);
    const kept = [".gitignore", "dist/app.js", "dist/deep/er.js", "fairlead.yml", "kept.log", "lib/.gitignore"];
    expect(paths()).toEqual([...kept, "lib/ünï çødé.js", "vendor/a/b.js"]);
    // Also in a directory below the repository's own.
    put("lib/fairlead.yml");
    const below = { directory: path.join(root, "lib"), file: path.join(root, "lib/fairlead.yml") };
    expect(readSource(below).entries.map((entry) => entry.path)).toEqual(["fairlead.yml", ".gitignore", "ünï çødé.js"]);
    expect(leftOut()).toContainEqual(["dist/other/", "by .gitignore"]);
    rmSync(path.join(root, ".git/HEAD"));
    expect(paths()).toEqual([".gitignore", "fairlead.yml"]);
    expect(leftOutLines(readSource(manifest()).leftOut)[0]).toMatch(
      /^left out, by .gitignore; Git does not answer, .*: dist/,
    );
  });

  test("a tree that is too large is refused before it is sent, and says where", () => {
    for (const at of ["a", "b", "c"]) put(`data/${at}`, "x".repeat(600));
    const tooMany = faultOf(() => readSource(manifest(), { files: 3, bytes: 10_000 }));
    expect(tooMany).toMatchObject({ code: "request.too-large", detail: expect.stringContaining("more than 3 files") });
    const tooMuch = faultOf(() => readSource(manifest(), { files: 100, bytes: 1024 }));
    expect(tooMuch.detail).toBe("the source has more than 1 KB (reached at data/b)");
  });
});

describe("the archive", () => {
  test("holds what the digest says, in a stable order, without times and owners", async () => {
    put("z.txt");
    put("a/empty", "");
    put("a/large", "0123456789".repeat(300_000));
    put("a/ünï çødé 🎣.txt");
    put(`a/${"long/".repeat(40)}name`);
    put("run.sh");
    chmodSync(path.join(root, "run.sh"), 0o750);
    symlinkSync("z.txt", path.join(root, "link"));
    const source = readSource(manifest());
    const { entries, headers } = await unpack(packSource(source));
    expect(treeDigest(entries)).toBe(source.digest);
    expect(headers).toEqual(entries.map(({ path: name }) => ({ name, mtime: 0, uid: 0 })));
    expect(entries.map((entry) => entry.path)).toEqual(source.entries.map((entry) => entry.path).sort());
    expect(entries.find((entry) => entry.path === "run.sh")?.executable).toBe(true);
  });

  test("has the same digest for the same content, whatever its times and permissions of others", () => {
    put("a.txt");
    const before = readSource(manifest()).digest;
    utimesSync(path.join(root, "a.txt"), 1, 1);
    chmodSync(path.join(root, "a.txt"), 0o600);
    expect(readSource(manifest()).digest).toBe(before);
    put("a.txt", "changed");
    expect(readSource(manifest()).digest).not.toBe(before);
  });
});

describe("uploading", () => {
  /** A controller that checks digests as the real one does. */
  function controller(kept: Set<string>, afterReading: () => void = () => undefined) {
    const uploads: string[] = [];
    const api = {
      hasSource: async (digest: string) => {
        afterReading();
        return kept.has(digest);
      },
      putSource: async (digest: string, tar: Readable) => {
        uploads.push(digest);
        const { entries } = await unpack(tar);
        if (treeDigest(entries) !== digest) throw new Fault("source.digest-mismatch", "it changed");
        kept.add(digest);
      },
    };
    return { api: api as unknown as Client, uploads };
  }

  test("sends a tree once, and nothing when it is there", async () => {
    const kept = new Set<string>();
    const { api, uploads } = controller(kept);
    const { digest } = await uploadSource(api, manifest());
    await uploadSource(api, manifest());
    expect(uploads).toEqual([digest]);
  });

  test("reads again, once, when files changed in the middle", async () => {
    put("a.txt", "one");
    let changes = 0;
    const once = controller(new Set(), () => {
      changes += 1;
      if (changes === 1) put("a.txt", "two");
    });
    const { digest } = await uploadSource(once.api, manifest());
    expect(once.uploads).toHaveLength(2);
    expect(digest).toBe(once.uploads[1]);

    const always = controller(new Set(), () => put("a.txt", String(performance.now())));
    const refused = await uploadSource(always.api, manifest()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "source.digest-mismatch" });
    expect(always.uploads).toHaveLength(2);
  });
});

describe("an archive whose file changes", () => {
  test("breaks off with a fault, whenever its reader begins", async () => {
    put("a.txt", "one");
    const source = readSource(manifest());
    put("a.txt", "longer than it was");
    const archive = packSource(source);
    await new Promise((resolve) => setImmediate(resolve));
    const broken = await unpack(archive).catch((error: unknown) => error);
    expect(broken).toMatchObject({ code: "source.digest-mismatch", detail: "a.txt changed while it was read" });
  });
});
