import type { Client } from "../client/client.ts";
import type { EnvKey } from "../model/environment.ts";
import { findManifest, readManifestText } from "./place.ts";
import type { World } from "./world.ts";

/**
 * Warns about an environment that is probably a typo: similar to one that the manifest declares or a short form of it,
 * not declared itself and unknown to the controller. It is created anyway, because any name is allowed.
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
