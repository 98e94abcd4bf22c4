import { Socket } from "node:net";
import { isErrno } from "../../../base/faults.ts";

type Written = (error?: Error | null) => void;

/**
 * A connection to an app on which an answer survives a failed upload. An app that refuses a body without reading it
 * answers and closes; the system then fails the next write, while the answer waits to be read. Such a write counts as
 * done and later ones are discarded; reading to the end shows how the connection ended.
 */
export class AppSocket extends Socket {
  #deaf = false;

  override _write(chunk: unknown, encoding: BufferEncoding, written: Written): void {
    if (this.#deaf) written();
    else super._write(chunk, encoding, (error) => written(this.#heard(error)));
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], written: Written): void {
    if (this.#deaf) written();
    else super._writev?.(chunks, (error) => written(this.#heard(error)));
  }

  #heard(error: Error | null | undefined): Error | null {
    if (!isErrno(error, "EPIPE", "ECONNRESET")) return error ?? null;
    this.#deaf = true;
    return null;
  }
}
