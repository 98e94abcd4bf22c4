import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault, isErrno } from "../base/faults.ts";
import { syncSync } from "./files.ts";

const pattern = /^[0-9a-f]{16}$/;

/** The label of every object on a container engine, with the id of the installation that owns it. */
export const installationLabel = "fairlead.installation";

export function newInstallationId(): string {
  return randomBytes(8).toString("hex");
}

/** The id that a state directory keeps, or null. Fault: `journal.damaged` when what is written there is none. */
export function keptInstallationId(stateDirectory: string): string | null {
  const path = fileOf(stateDirectory);
  try {
    const id = readFileSync(path, "utf8").trim();
    if (pattern.test(id)) return id;
    throw new Fault("journal.damaged", `${path} contains no installation id`);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return null;
    throw thrown;
  }
}

/**
 * The id by which one installation of Fairlead knows its own objects among those of others on one engine, and its own
 * journal. It is made once for a state directory and kept there: a state directory that is copied and used twice would own
 * the same objects twice. `made` is kept when none yet. Fault: `journal.damaged` when what is written there is none.
 */
export function installationId(stateDirectory: string, made = newInstallationId()): string {
  return keptInstallationId(stateDirectory) ?? keep(stateDirectory, made);
}

function fileOf(stateDirectory: string): string {
  return join(stateDirectory, "installation");
}

/** Written aside and linked into place, so that it is never seen half written, and the first of two makers wins. */
function keep(directory: string, id: string): string {
  const path = fileOf(directory);
  const draft = `${path}.${newInstallationId()}`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(draft, `${id}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(draft, path);
  } catch (thrown) {
    if (!isErrno(thrown, "EEXIST")) throw thrown;
  } finally {
    rmSync(draft, { force: true });
  }
  syncSync(directory);
  return keptInstallationId(directory) ?? id;
}
