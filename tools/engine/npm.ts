import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { Fault } from "../../src/base/faults.ts";
import { ownEnvironment, runs } from "./run.ts";

/** A file of a build's context. */
export interface ContextFile {
  readonly name: string;
  readonly content: Buffer;
  readonly mode?: number;
}

/** The files of npm itself, below `npm/`, as the registry that npm is configured for has them. */
export async function npmFiles(version: string): Promise<readonly ContextFile[]> {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-npm-"));
  try {
    const pack = ["npm", "pack", "--silent", `npm@${version}`, "--pack-destination", directory] as const;
    if (!(await runs(pack, ownEnvironment()))) throw new Fault("operation.failed", `npm@${version} cannot be fetched`);
    return await unpack(gunzipSync(readFileSync(join(directory, `npm-${version}.tgz`))));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function unpack(tar: Buffer): Promise<readonly ContextFile[]> {
  const files: ContextFile[] = [];
  const parser = extract();
  parser.end(tar);
  for await (const entry of parser) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, type } = entry.header;
    if (type === "file") files.push({ name: name.replace(/^package\//, "npm/"), content: Buffer.concat(chunks) });
  }
  return files;
}
