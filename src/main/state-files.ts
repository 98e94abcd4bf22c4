import { statSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../base/faults.ts";
import type { CheckView } from "../contract/controller.ts";
import type { Clock } from "../ports/clock.ts";
import { fail, ok } from "./check.ts";

/** Files that the controller holds open: under their names must lie what it writes to. */
const held = ["journal.db", "journal.db-wal", "logs.db", "logs.db-wal", "lease.db"] as const;
/** Files that it reads at its start and replaces itself: they must be there. */
const kept = ["vault.json", "vault.key", "installation"] as const;
/** Between two looks; each is eight calls of stat. */
const lookMs = 5_000;

/** What of the state directory was taken away under the controller, as `journal.db is missing`. */
export type LostFiles = () => readonly string[];

/**
 * Notes which files a controller has open, and compares them with what is under their names (device and inode) whenever
 * it is asked. A file that was taken away is still written to, and is gone for good at the controller's end. To be
 * called when all of them are open.
 */
export function noteStateFiles(directory: string): LostFiles {
  const before = new Map([...held, ...kept].map((name) => [name, identityOf(join(directory, name))]));
  return () =>
    [...before].flatMap(([name, was]) => {
      const is = identityOf(join(directory, name));
      if (was === null || is === was) return [];
      if (is === null) return [`${name} is missing`];
      return held.some((one) => one === name) ? [`${name} was replaced`] : [];
    });
}

function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found ? `${found.dev}:${found.ino}` : null;
}

/** Looks again and again, and tells what was lost when that changes; the answer stops it. */
export function watchStateFiles(lost: LostFiles, clock: Clock, notify: (words: string) => void): () => void {
  let told = "";
  let cancel = (): void => undefined;
  const look = (): void => {
    const now = lost().join(", ");
    if (now !== told && now !== "") notify(`${now}: ${consequence}`);
    told = now;
    cancel = clock.after(lookMs, look);
  };
  look();
  return () => cancel();
}

const consequence = "changes would be lost when this controller ends and are refused; apps keep running";

/** Refuses what could not be kept. Fault: `journal.lost`. */
export function refuseLoss(directory: string, lost: LostFiles): void {
  const words = lost();
  if (words.length === 0) return;
  throw new Fault("journal.lost", `in ${directory} ${words.join(", ")} while the controller runs; apps keep running`, {
    hint: "Stop the controller and restore the state directory from a backup; without one, `fairlead controller --new` starts with an empty journal.",
  });
}

export function stateFilesCheck(directory: string, lost: LostFiles): CheckView {
  const words = lost();
  if (words.length === 0) return ok("state files", `the open files are those in ${directory}`);
  const fix = "Stop the controller and restore the state directory from a backup, or start it with --new.";
  return fail("state files", `${words.join(", ")}: ${consequence}`, fix);
}
