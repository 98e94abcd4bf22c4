import type { Client } from "../client/client.ts";
import type { EnvKey } from "../model/environment.ts";
import { findManifest, readManifestText } from "./place.ts";
import type { World } from "./world.ts";

/**
 * Warns of an environment that is probably a slip of the pen: like one that the manifest here declares or short for it, not declared itself
 * and not known to the controller. It is made all the same, as any name may be meant.
 */
export async function warnOfSlip(world: World, api: Client, { app, environment }: EnvKey): Promise<void> {
  if (environment === "production") return;
  const manifest = findManifest({ cwd: world.host.cwd, globals: world.globals });
  if (manifest === null) return;
  const [{ environmentsOf }, { nearest }] = await Promise.all([
    import("../manifest/read.ts"),
    import("../manifest/diagnostic.ts"),
  ]);
  const declared = environmentsOf(readManifestText(manifest));
  if (declared.includes(environment)) return;
  const names = [...declared, "production"];
  const meant = nearest(environment, names) ?? names.find((name) => name.startsWith(environment));
  if (meant === undefined) return;
  const { items } = await api.call("environments");
  if (items.some((one) => one.app === app && one.environment === environment)) return;
  const words = `${app} has no environment ${environment} yet – did you mean ${meant}?`;
  world.say(`${world.paint.yellow("warning:")} ${words}`);
}
