import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { finished } from "node:stream/promises";
import { formatSize } from "../../../base/size.ts";
import { replaceFile } from "../../../host/files.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Exit } from "../../../model/instance.ts";
import type { BuildFaultCode } from "../../../model/release.ts";
import { unlessMissing } from "../source/content-store.ts";

/** A build, as it is recorded before it begins and when it has ended. */
export interface BuildRecord {
  readonly task: string;
  readonly key: EnvKey;
  readonly release: number;
  readonly deployment: string;
  readonly digest: string;
  readonly since: number;
  /** Null while it continues. */
  readonly exit: Exit | null;
  /** Why there is no image; null when there is one, or when the build was interrupted and is started again. */
  readonly failure: { readonly code: BuildFaultCode; readonly detail: string } | null;
}

/** Null for one damaged by a loss of power, before records were synced: its build is started again. */
function recordIn(text: string | null): BuildRecord | null {
  try {
    return text === null ? null : (JSON.parse(text) as BuildRecord);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

/** Size limit of the log; the build continues. */
const longestLog = 64 * 1024 * 1024;

/** Builds on disk: `<task>.json` and the output, `<task>.log`. */
export class BuildFolder {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async read(): Promise<readonly BuildRecord[]> {
    await mkdir(this.#directory, { recursive: true });
    const names = (await readdir(this.#directory)).filter((name) => name.endsWith(".json"));
    const texts = await Promise.all(names.map((name) => unlessMissing(readFile(join(this.#directory, name), "utf8"))));
    return texts.map(recordIn).filter((record) => record !== null);
  }

  async write(record: BuildRecord): Promise<void> {
    const place = this.#path(record.task, "json");
    await replaceFile(place, JSON.stringify(record));
  }

  log(task: string, written: () => void): BuildLog {
    return new BuildLog(this.#path(task, "log"), written);
  }

  async readLog(task: string, { offset, limit }: { offset: number; limit: number }): Promise<Uint8Array> {
    const file = await unlessMissing(open(this.#path(task, "log"), "r"));
    if (file === null) return new Uint8Array();
    await using _closing = file;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(limit), 0, limit, offset);
    return buffer.subarray(0, bytesRead);
  }

  async remove(task: string): Promise<void> {
    await rm(this.#path(task, "log"), { force: true });
    await rm(this.#path(task, "json"), { force: true });
  }

  #path(task: string, ending: string): string {
    return join(this.#directory, `${basename(task)}.${ending}`);
  }
}

/** The output of a build, line by line. */
export class BuildLog {
  readonly #file: WriteStream;
  readonly #written: () => void;
  #bytes = 0;

  constructor(path: string, written: () => void) {
    this.#file = createWriteStream(path, { flags: "a", mode: 0o600 });
    // A full disk fails the build elsewhere; here its log is just shorter.
    this.#file.on("error", () => this.#written());
    this.#written = written;
  }

  say(line: string): void {
    const before = this.#bytes;
    this.#bytes += Buffer.byteLength(line) + 1;
    if (this.#bytes <= longestLog) this.#file.write(`${line}\n`, () => this.#written());
    else if (before <= longestLog) this.#file.write(`the rest beyond ${formatSize(longestLog)} is omitted\n`);
  }

  async end(): Promise<void> {
    this.#file.end();
    // The file's own event reported the failure.
    if (!this.#file.errored) await Promise.allSettled([finished(this.#file)]);
  }
}
