import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { asFault, Fault, isErrno } from "../../../base/faults.ts";
import { replaceFile, syncDirectory } from "../../../host/files.ts";
import type { RouteTable } from "../../../model/route.ts";
import { checkTable } from "./validate.ts";

/** A table on disk that cannot be used. It was renamed, so that a person can look at it. */
export interface DamagedTable {
  readonly file: string;
  readonly reason: string;
}

/** The last good table of every owner, one file each. A file is replaced as a whole and is on disk when `save` returns. */
export class TableStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** All tables, in the order of their owners' file names. A damaged one is set aside and does not keep others from loading. */
  async load(): Promise<{ tables: readonly RouteTable[]; damaged: readonly DamagedTable[] }> {
    await this.#make();
    const tables: RouteTable[] = [];
    const damaged: DamagedTable[] = [];
    for (const name of (await readdir(this.#directory)).sort()) {
      if (!name.endsWith(".json")) continue;
      const text = await readFile(join(this.#directory, name), "utf8");
      try {
        tables.push(checkTable(JSON.parse(text)));
      } catch (thrown) {
        if (!(thrown instanceof Fault || thrown instanceof SyntaxError)) throw thrown;
        damaged.push(await this.#setAside(name, asFault(thrown).detail));
      }
    }
    return { tables, damaged };
  }

  async save(table: RouteTable): Promise<void> {
    await replaceFile(this.#path(table.owner), JSON.stringify(table));
  }

  async remove(owner: string): Promise<void> {
    await rm(this.#path(owner), { force: true });
    await syncDirectory(this.#directory);
  }

  /** Keeps a table that cannot be served from being loaded again. */
  setAside(owner: string, reason: string): Promise<DamagedTable> {
    return this.#setAside(fileName(owner), reason);
  }

  /** Not its parents: without them there is no reason for the edge. */
  async #make(): Promise<void> {
    try {
      await mkdir(this.#directory, { mode: 0o700 });
      await syncDirectory(join(this.#directory, ".."));
    } catch (thrown) {
      if (!isErrno(thrown, "EEXIST")) throw thrown;
    }
  }

  async #setAside(name: string, reason: string): Promise<DamagedTable> {
    const file = join(this.#directory, `${name}.damaged-${Date.now()}`);
    try {
      await rename(join(this.#directory, name), file);
    } catch (thrown) {
      if (!isErrno(thrown, "ENOENT")) throw thrown;
    }
    return { file, reason };
  }

  #path(owner: string): string {
    return join(this.#directory, fileName(owner));
  }
}

function fileName(owner: string): string {
  return `${encodeURIComponent(owner)}.json`;
}
