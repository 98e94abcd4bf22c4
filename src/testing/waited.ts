import { readFile } from "node:fs/promises";

/**
 * How long the main thread of a process has waited for a processor that others had, in milliseconds since its start. Taken off
 * what something took, it leaves what a quiet machine would have taken. 0 where the kernel does not say (Linux: schedstat).
 */
export async function waitedMs(pid = process.pid): Promise<number> {
  const [, waited = "0"] = (await readFile(`/proc/${pid}/schedstat`, "utf8").catch(() => "")).split(" ");
  return Number(waited) / 1e6;
}
