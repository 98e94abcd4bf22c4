import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault, isErrno } from "../base/faults.ts";

const pattern = /^[0-9a-f]{16}$/;

/**
 * The id by which one installation of Fairlead knows its own objects among those of others on one engine. It is made once
 * for a state directory and kept there: a state directory that is copied and used twice would own the same objects twice.
 * Faults: `journal.damaged` when what is written there is none.
 */
export function installationId(stateDirectory: string): string {
  const path = join(stateDirectory, "installation");
  return read(path) ?? make(path, stateDirectory);
}

function read(path: string): string | null {
  try {
    const id = readFileSync(path, "utf8").trim();
    if (pattern.test(id)) return id;
    throw new Fault("journal.damaged", `${path} holds no installation id`);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return null;
    throw thrown;
  }
}

/** Written aside and linked into place, so that it is never seen half written, and the first of two makers wins. */
function make(path: string, directory: string): string {
  const id = randomBytes(8).toString("hex");
  const draft = `${path}.${id}`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(draft, `${id}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(draft, path);
  } catch (thrown) {
    if (!isErrno(thrown, "EEXIST")) throw thrown;
  } finally {
    rmSync(draft, { force: true });
  }
  return read(path) ?? id;
}
