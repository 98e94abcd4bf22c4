import { readFile, rename } from "node:fs/promises";
import { isErrno } from "../../../base/faults.ts";
import { replaceFile } from "../../../host/files.ts";
import { type GoodCertificate, toWire } from "./certificates.ts";

/** The last good certificates with their keys, in one file that only this user may read. */
export class CertificateStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was saved last, not yet checked; an empty list when nothing was. */
  async load(): Promise<unknown> {
    try {
      return JSON.parse(await readFile(this.#path, "utf8"));
    } catch (thrown) {
      if (isErrno(thrown, "ENOENT")) return [];
      if (thrown instanceof SyntaxError) return null;
      throw thrown;
    }
  }

  /** Replaces the file as a whole; it is on disk when this returns. */
  async save(good: readonly GoodCertificate[]): Promise<void> {
    await replaceFile(this.#path, JSON.stringify(good.map(({ certificate }) => toWire(certificate))));
  }

  /** Keeps a file that cannot be used from being loaded again, for a person to look at. */
  async setAside(): Promise<string> {
    const file = `${this.#path}.damaged-${Date.now()}`;
    await rename(this.#path, file);
    return file;
  }
}
