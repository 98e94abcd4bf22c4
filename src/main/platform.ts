import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../base/faults.ts";
import { replaceFileSync } from "../host/files.ts";

export type Platform = "process" | "docker";

/** Where an engine listens on every Linux where Docker was installed as its manual says. */
const usualSocket = "/var/run/docker.sock";

/** The engine's socket: as given, else as DOCKER_HOST says, else the usual place. Faults: `usage.invalid` for another kind of address. */
export function engineSocket(given: string | undefined, env: Readonly<Record<string, string>>): string {
  const named = given ?? env.DOCKER_HOST ?? usualSocket;
  const path = named.replace(/^unix:\/\//, "");
  if (path.startsWith("/")) return path;
  const from = given === undefined ? "DOCKER_HOST" : "--engine";
  throw new Fault("usage.invalid", `${from} must be the path of a socket, like ${usualSocket}`, {
    hint: "Fairlead connects to containers by their addresses, so it must run on the engine's machine.",
  });
}

function platformFile(stateDirectory: string): string {
  return join(stateDirectory, "platform");
}

/** What runs the instances of a state directory; null when nothing was chosen yet. */
export function keptPlatform(stateDirectory: string): Platform | null {
  const file = platformFile(stateDirectory);
  const kept = existsSync(file) ? readFileSync(file, "utf8").trim() : null;
  return kept === "process" || kept === "docker" ? kept : null;
}

interface Choice {
  readonly wanted: Platform | "auto";
  readonly stateDirectory: string;
  /** Whether an engine answers; asked only when it matters. */
  readonly answers: () => Promise<boolean>;
}

/**
 * What runs instances. A state directory stays what it was at first: what ran there before would otherwise go on unseen.
 * Faults: `usage.invalid` when another platform is asked for.
 */
export async function choosePlatform({ wanted, stateDirectory, answers }: Choice): Promise<Platform> {
  const file = platformFile(stateDirectory);
  const kept = keptPlatform(stateDirectory);
  if (kept !== null) {
    if (wanted === "auto" || wanted === kept) return kept;
    throw new Fault("usage.invalid", `${stateDirectory} was created with --runtime ${kept}`, {
      hint: `Use another --state for ${wanted}. To switch permanently: \`fairlead down --all\`, then delete ${file} and start again.`,
    });
  }
  const chosen = wanted === "auto" ? ((await answers()) ? "docker" : "process") : wanted;
  replaceFileSync(file, `${chosen}\n`);
  return chosen;
}
