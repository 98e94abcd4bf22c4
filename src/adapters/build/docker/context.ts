import { createReadStream, type Dirent } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import { type Pack, pack } from "tar-stream";
import { asFault, Fault } from "../../../base/faults.ts";
import { DockerIgnore } from "../../../base/source-rules.ts";
import { textAt } from "../source/view.ts";

/** The path of a Dockerfile that is not part of the source; no real file has this name. */
export const privateDockerfile = ".fairlead.dockerfile";

interface Entry {
  readonly path: string;
  readonly kind: "file" | "link" | "directory";
  readonly executable: boolean;
  readonly bytes: number;
  readonly target: string;
}

/** The build context: part of a source without ignored files. */
export interface BuildContext {
  readonly root: string;
  readonly entries: readonly Entry[];
  readonly bytes: number;
  readonly files: number;
}

/** Reads the build context of a directory, without what its .dockerignore excludes except the named Dockerfile. */
export async function readContext(root: string, dockerfile: string | null): Promise<BuildContext> {
  const ignored = new DockerIgnore(textAt(root, ".dockerignore") ?? "");
  const entries: Entry[] = [];
  for (const found of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = relative(root, join(found.parentPath, found.name)).split(sep).join("/");
    if (path !== dockerfile && ignored.ignores(path)) continue;
    entries.push(await entryOf(root, path, found));
  }
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  const files = entries.filter(({ kind }) => kind === "file");
  return { root, entries, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), files: files.length };
}

async function entryOf(root: string, path: string, found: Dirent): Promise<Entry> {
  const place = join(root, path);
  const plain = { path, executable: false, bytes: 0, target: "" };
  if (found.isDirectory()) return { ...plain, kind: "directory" };
  if (found.isSymbolicLink()) return { ...plain, kind: "link", target: await readlink(place) };
  const { mode, size } = await lstat(place);
  return { ...plain, kind: "file", executable: (mode & 0o100) !== 0, bytes: size };
}

/**
 * The context as a tar, with an added Dockerfile if the source has none. Owner root, modes 0644 and 0755, and one time
 * for all, so that equal files are equal for the builders' caches, which compare everything except the time. The time
 * is that of the build, not a constant: web servers derive ETags from time and size.
 */
export function packContext(context: BuildContext, beside: { dockerfile: string | null; now: number }): Readable {
  return Readable.from(archive(context, beside), { objectMode: false });
}

type Beside = Parameters<typeof packContext>[1];

async function* archive(context: BuildContext, beside: Beside): AsyncGenerator<Buffer> {
  const tar = pack();
  // Destroyed without an error, because an unhandled one would end the process.
  const filled = fill(tar, context, beside).then(
    () => null,
    (thrown: unknown) => {
      tar.destroy();
      return asFault(thrown);
    },
  );
  for await (const chunk of tar) yield chunk as Buffer;
  const fault = await filled;
  if (fault) throw fault;
}

async function fill(tar: Pack, { root, entries }: BuildContext, { dockerfile, now }: Beside): Promise<void> {
  const header = { mtime: new Date(Math.floor(now / 1_000) * 1_000), uid: 0, gid: 0 };
  for (const { path: name, kind, executable, bytes, target } of entries) {
    if (kind === "directory") tar.entry({ ...header, name, type: "directory", mode: 0o755 });
    else if (kind === "link") tar.entry({ ...header, name, type: "symlink", linkname: target, mode: 0o777 });
    else {
      const into = tar.entry({ ...header, name, size: bytes, mode: executable ? 0o755 : 0o644 });
      await copyFile(join(root, name), into);
    }
  }
  if (dockerfile !== null) tar.entry({ ...header, name: privateDockerfile, mode: 0o644 }, dockerfile);
  tar.finalize();
}

async function copyFile(from: string, into: NodeJS.WritableStream): Promise<void> {
  for await (const chunk of createReadStream(from) as AsyncIterable<Buffer>) {
    if (!into.write(chunk)) await new Promise((resolve) => into.once("drain", resolve));
  }
  await new Promise<void>((resolve, reject) => {
    into.once("error", reject);
    into.end(resolve);
  });
}

/** Fault `source.unsafe` if the named Dockerfile is not in the context. */
export function refuseMissing(root: string, dockerfile: string): void {
  if (textAt(root, dockerfile) !== null) return;
  throw new Fault("source.unsafe", `build.dockerfile: the source has no ${dockerfile} in its build context`, {
    hint: "Name it relative to build.context, and check that no ignore rule excludes it.",
  });
}
