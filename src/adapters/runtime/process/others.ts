import { keyText } from "../../../model/environment.ts";
import { workloadKey } from "../../../model/workload.ts";
import { ProcessFolder, type StoredWorkload } from "./folder.ts";
import { isClaimRunning } from "./proc.ts";

/**
 * How many instances and tasks of each environment (`app/environment`) run in a way for which `isOurs` is false: a
 * previous version, or other flags, started them. They go on until they are replaced. Reads `directory` and changes
 * nothing in it.
 */
export function runningAsOthers(
  directory: string,
  isOurs: (how: Pick<StoredWorkload, "user" | "namespaced">) => boolean,
): ReadonlyMap<string, number> {
  const folder = new ProcessFolder(directory, () => undefined);
  const counts = new Map<string, number>();
  for (const stored of folder.all().stored) {
    const { name } = stored.spec;
    const claim = isOurs(stored) ? null : folder.claim(name);
    if (claim === null || folder.exit(stored) !== null || !isClaimRunning(claim, stored.user?.uid ?? null)) continue;
    const key = keyText(workloadKey(stored));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
