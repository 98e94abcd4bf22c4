import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import { isErrno } from "../base/faults.ts";
import { runChild } from "./child.ts";

/** Freed in steps of this many bytes: often enough for the disk, seldom enough for the cost of a process each time. */
const releaseStep = 4 * 1024 * 1024;
/** The most that one read gives, whatever was asked. */
const readLimit = 16 * 1024 * 1024;

/** At most `limit` bytes of a file from `offset` on; empty at its end and where there is no file. */
export async function readFrom(path: string, offset: number, limit: number): Promise<Uint8Array> {
  // Asked of every instance every few seconds, mostly for nothing: so much is known without a file being opened.
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= offset) return new Uint8Array();
  try {
    await using file = await open(path, "r");
    const wanted = Math.max(0, Math.min(limit, readLimit, size - offset));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, offset);
    return buffer.subarray(0, bytesRead);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return new Uint8Array();
    throw thrown;
  }
}

/**
 * Frees the disk blocks of what is stored elsewhere, with fallocate(1) of util-linux: the file stays as long as it is, and
 * what is written is still appended, so offsets do not change. Where the program or the file system cannot do it, the
 * space is freed with the instance, and it is not tried again.
 */
export class OutputRelease {
  readonly #path: string;
  readonly #released = new Map<string, number>();
  #able = true;

  /** `path`: the PATH in which fallocate is looked for. */
  constructor(path: string) {
    this.#path = path;
  }

  async upTo(file: string, offset: number): Promise<void> {
    const from = this.#released.get(file) ?? 0;
    const to = Math.floor(offset / releaseStep) * releaseStep;
    if (!this.#able || to <= from) return;
    this.#released.set(file, to);
    this.#able = await punch(file, { from, to, path: this.#path });
  }

  forget(file: string): void {
    this.#released.delete(file);
  }
}

async function punch(file: string, { from, to, path }: { from: number; to: number; path: string }): Promise<boolean> {
  const range = ["--offset", String(from), "--length", String(to - from)];
  try {
    const { code } = await runChild(["fallocate", "--punch-hole", ...range, file], { env: { PATH: path } });
    return code === 0;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "EACCES")) return false;
    throw thrown;
  }
}
