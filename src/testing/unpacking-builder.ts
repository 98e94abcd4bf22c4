import { Readable } from "node:stream";
import { extract } from "tar-stream";
import { sha256, type TreeEntry, treeDigest } from "../base/digest.ts";
import { Fault } from "../base/faults.ts";
import { FakeBuilder } from "./fakes.ts";

/** Takes sources in as the real one does: unpacked, and refused when the digest is not theirs. */
export class UnpackingBuilder extends FakeBuilder {
  override async admit(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    const files = new Map<string, string>();
    const entries: TreeEntry[] = [];
    const unpacked = extract();
    Readable.from(tar).pipe(unpacked);
    for await (const entry of unpacked) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      const content = Buffer.concat(chunks);
      files.set(entry.header.name, content.toString("utf8"));
      const executable = ((entry.header.mode ?? 0) & 0o111) !== 0;
      entries.push({ path: entry.header.name, kind: "file", executable, content: sha256(content) });
    }
    if (treeDigest(entries) !== digest) throw new Fault("source.digest-mismatch", "the digest is another");
    this.sources.set(digest, files);
  }
}
