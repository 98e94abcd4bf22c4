import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { asFault } from "../base/faults.ts";
import type { Clock } from "../ports/clock.ts";

/** SQLite's log takes 4 MiB before its pages are used again; the rest is for data and the files of instances. Of a small disk a quarter. */
const mostBytes = 16 * 1024 * 1024;
const shareOfDisk = 4;
/** It is taken again when so many times its size are free, so that it is not what fills the disk. */
const ease = 2;
const chunkBytes = 1024 * 1024;
/** Between two tries to take it again. */
const lookMs = 60_000;

export function reserveFile(stateDirectory: string): string {
  return join(stateDirectory, "reserve");
}

/**
 * Room on the disk of the state directory that nothing else can take, given up when the disk is full: what keeps apps
 * up, rolls them back and stops them must still be recorded. It is a file of bytes that no file system can shrink.
 */
export class DiskReserve {
  readonly #file: string;
  readonly #tell: (words: string) => void;

  constructor(file: string, notify: (words: string) => void) {
    this.#file = file;
    this.#tell = notify;
  }

  /** Takes it where there is plenty of room and it is not held yet. */
  take(): void {
    const { bavail, blocks, bsize } = statfsSync(dirname(this.#file));
    const bytes = Math.min(mostBytes, Math.floor((blocks * bsize) / shareOfDisk));
    if (existsSync(this.#file) || bavail * bsize < ease * bytes) return;
    try {
      fill(this.#file, bytes);
    } catch (thrown) {
      rmSync(this.#file, { force: true });
      if (asFault(thrown).code !== "disk.full") throw thrown;
    }
  }

  /** Gives it up; false when there is nothing left to give. */
  give(): boolean {
    if (!existsSync(this.#file)) return false;
    rmSync(this.#file);
    this.#tell(
      "the disk of the state directory is full: its reserve is released to keep apps running; free some space",
    );
    return true;
  }

  /** For a start, which writes before there is anything to retry: gives it up where less than 1 MiB is free. */
  giveWhenFull(): void {
    const { bavail, bsize } = statfsSync(dirname(this.#file));
    if (bavail * bsize < chunkBytes) this.give();
  }

  /** Looks again and again whether it can be taken; the answer stops it. */
  keep(clock: Clock): () => void {
    let cancel = (): void => undefined;
    const look = (): void => {
      try {
        this.take();
      } catch (thrown) {
        this.#tell(`the disk reserve cannot be created: ${asFault(thrown).detail}`);
      }
      cancel = clock.after(lookMs, look);
    };
    look();
    return () => cancel();
  }

  /** Does work that is all or nothing, once more when the disk was full and there was a reserve. */
  async spend<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      if (asFault(thrown).code !== "disk.full" || !this.give()) throw thrown;
      return await work();
    }
  }

  /** The same port, whose methods, and those of its books, may spend the reserve. */
  for<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member === "object" && member !== null) return this.for(member);
        if (typeof member !== "function") return member;
        return (...given: readonly unknown[]): unknown => {
          const answer: unknown = Reflect.apply(member, target, given);
          if (!(answer instanceof Promise)) return answer;
          let first: Promise<unknown> | null = answer;
          return this.spend(() => {
            const call = first ?? (Reflect.apply(member, target, given) as Promise<unknown>);
            first = null;
            return call;
          });
        };
      },
    });
  }
}

function fill(file: string, bytes: number): void {
  const handle = openSync(file, "wx", 0o600);
  try {
    const chunk = randomBytes(chunkBytes);
    for (let left = bytes; left > 0; ) left -= writeSync(handle, chunk, 0, Math.min(left, chunkBytes));
  } finally {
    closeSync(handle);
  }
}
