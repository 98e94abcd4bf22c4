import { once } from "node:events";
import { startChild } from "../../src/host/child.ts";

export function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

/** Runs a program with its output shown as it comes; whether it ended with 0. Rejects when it cannot be started. */
export async function runs(
  command: readonly [string, ...string[]],
  env: Record<string, string>,
  cwd = process.cwd(),
): Promise<boolean> {
  const child = startChild(command, { cwd, env, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  return code === 0;
}
