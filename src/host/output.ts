import { constants, type Stats, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { isErrno } from "../base/faults.ts";
import { runChild, startChild } from "./child.ts";

/** Freed in steps of this many bytes: often enough for the disk, seldom enough for the cost of a process each time. */
const releaseStep = 4 * 1024 * 1024;
/** The most that one read gives, whatever was asked. */
const readLimit = 16 * 1024 * 1024;
/** Holes shorter than this are read as the zeros that they are: that costs less than looking for their end. */
const holeBytes = 1024 * 1024;
/** Between two programs that look for the end of a hole: each start costs this process some milliseconds, whoever causes it. */
const betweenMs = 100;
/** How long a program may look for the end of a hole. */
const findMs = 2_000;
/** stat(2) counts blocks of this many bytes, whatever the file system's own are. */
const blockBytes = 512;

/** What was read of a file, and where in the file it stands. */
export interface OutputChunk {
  /** Where `bytes` begin: where it was asked for, behind a hole there, or 0 in a file that was cut. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

interface Look {
  readonly opened: FileHandle;
  readonly stats: Stats;
  readonly from: number;
}

export interface PieceOrder {
  readonly offset: number;
  readonly limit: number;
  /** Whether somebody else may still cut the file. */
  readonly isOpen: boolean;
}

const nothing = new Uint8Array();

/** A piece of a file between two holes; both are the file's size when there is none any more. */
interface Data {
  readonly at: number;
  readonly to: number;
}

/**
 * Programs that tell where in standard input data begin and end, by lseek(2) with SEEK_DATA and SEEK_HOLE (3 and 4 on
 * Linux), which Node does not have: lines of two numbers, at most a thousand, or `end` behind the last data. One that
 * is missing is skipped.
 */
const finders: readonly (readonly [string, ...string[]])[] = [
  [
    "perl",
    "-e",
    `my $at = $ARGV[0];
for (1 .. 1000) {
  my $data = sysseek(STDIN, $at, 3);
  if (!defined $data) { die unless $! == 6; print "end"; last }
  $at = sysseek(STDIN, $data, 4) + 0;
  print $data + 0, " $at\\n";
}`,
  ],
  [
    "python3",
    "-Sc",
    `import os, sys
at = int(sys.argv[1])
try:
    for _ in range(1000):
        data = os.lseek(0, at, 3)
        at = os.lseek(0, data, 4)
        print(data, at)
except OSError as error:
    print("end") if error.errno == 6 else sys.exit(1)`,
  ],
];

/** Files into which others write and that are read from here: any of them may be made sparse, cut or put elsewhere. */
export class OutputFiles {
  readonly #path: string;
  readonly #released = new Map<string, number>();
  /** The size at the last read. */
  readonly #sizes = new Map<string, number>();
  /** Where a file with holes has data, as far as that was asked: what is written later stands behind them. */
  readonly #data = new Map<string, readonly Data[]>();
  #able = true;
  /** The end of the newest of these programs, which run one after the other. */
  #lastChild: Promise<unknown> = Promise.resolve();

  /** `path`: the PATH in which programs are searched for. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * At most `limit` bytes from `offset` on; none at the end and where there is no file. A hole of over a megabyte is
   * not read but skipped, however long it is; `at` then says where the data behind it begin. A file that became shorter
   * than `offset` while it was written is read from its start again; one that is not written any more has lost its end
   * with the power, and gives nothing.
   */
  async read(file: string, { offset, limit, isOpen }: PieceOrder): Promise<OutputChunk> {
    // Asked of every instance every few seconds, mostly for nothing: so much is known without a file being opened.
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    const wasCut = size < offset && (isOpen || size < (this.#sizes.get(file) ?? 0));
    if (wasCut) this.forget(file);
    if (size > 0) this.#sizes.set(file, size);
    const from = wasCut ? 0 : offset;
    if (size <= from) return { at: from, bytes: nothing };
    const handle = await openPlain(file);
    if (handle === null) return { at: from, bytes: nothing };
    await using opened = handle;
    const stats = await opened.stat();
    const { at, to } = await this.#dataOf(file, { opened, stats, from });
    const wanted = Math.max(0, Math.min(limit, readLimit, to - at));
    const { buffer, bytesRead } = await opened.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
    const bytes = buffer.subarray(0, bytesRead);
    // A file system has holes by whole blocks: the zeros between one and the first byte that was written belong to it.
    const blank = at > from ? leadingZeros(bytes) : 0;
    return { at: at + blank, bytes: bytes.subarray(blank) };
  }

  /**
   * Frees the disk blocks of what is stored elsewhere, with fallocate(1) of util-linux: the file stays as long as it is, and
   * what is written is still appended, so offsets do not change. Where the program or the file system cannot do it, the
   * space is freed with the instance, and it is not tried again.
   */
  async release(file: string, offset: number): Promise<void> {
    const from = this.#released.get(file) ?? 0;
    const to = Math.floor(offset / releaseStep) * releaseStep;
    if (!this.#able || to <= from) return;
    this.#released.set(file, to);
    this.#able = await punch(file, { from, to, path: this.#path });
  }

  forget(file: string): void {
    this.#released.delete(file);
    this.#sizes.delete(file);
    this.#data.delete(file);
  }

  async #inTurn<Result>(start: () => Promise<Result>): Promise<Result> {
    const before = this.#lastChild;
    const run = before.then(start);
    this.#lastChild = Promise.allSettled([run]).then(() => wait(betweenMs, undefined, { ref: false }));
    return run;
  }

  async #dataOf(file: string, { opened, stats, from }: Look): Promise<Data> {
    const known = (this.#data.get(file) ?? []).filter(({ to }) => to > from);
    const data = known.length > 0 || !mayHaveHole(stats, from) ? known : await this.#nextData({ opened, stats, from });
    this.#data.set(file, data);
    const [first = { at: from, to: stats.size }] = data;
    return { at: Math.max(from, first.at), to: Math.min(first.to, stats.size) };
  }

  /**
   * Without a program that tells it, zeros are taken for a hole, and all other data to stand together at the end, where they
   * are when somebody made the file longer and went on writing.
   */
  async #nextData({ opened, stats: { size, blocks }, from }: Look): Promise<readonly Data[]> {
    for (const finder of finders) {
      const found = await this.#inTurn(() => findData(finder, { fd: opened.fd, from, path: this.#path }));
      if (found !== null) return found.length > 0 ? found : [{ at: size, to: size }];
    }
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(holeBytes), 0, holeBytes, from);
    if (!buffer.equals(Buffer.alloc(holeBytes))) return [{ at: from, to: from + bytesRead }];
    return [{ at: Math.max(from, size - blocks * blockBytes), to: size }];
  }
}

function leadingZeros(bytes: Buffer): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? bytes.length : first;
}

/** A file that is there and nothing else: no link is followed, and no pipe waits for its other end. Null when there is none. */
async function openPlain(file: string): Promise<FileHandle | null> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return null;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ELOOP", "ENXIO")) return null;
    throw thrown;
  }
}

/** Whether less is on disk than the rest is long. Elsewhere than on Linux the programs would seek something else. */
function mayHaveHole({ size, blocks }: Stats, from: number): boolean {
  return process.platform === "linux" && size - from > blocks * blockBytes + holeBytes;
}

/** None when there are no data any more. Null when the program is not there, cannot tell, or takes too long. */
async function findData(
  [program, ...args]: readonly [string, ...string[]],
  { fd, from, path }: { fd: number; from: number; path: string },
): Promise<readonly Data[] | null> {
  const child = startChild([program, ...args, String(from)], { env: { PATH: path }, stdio: [fd, "pipe", "ignore"] });
  const late = setTimeout(() => child.kill("SIGKILL"), findMs).unref();
  let text = "";
  child.stdout?.setEncoding("latin1").on("data", (piece: string) => {
    text += piece;
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", resolve);
  });
  clearTimeout(late);
  if (code !== 0) return null;
  return [...text.matchAll(/^(\d{1,16}) (\d{1,16})$/gm)].map(([, at, to]) => ({ at: Number(at), to: Number(to) }));
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
