import { Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import type { EnvKey } from "../model/environment.ts";
import { toggleFlag } from "./flags.ts";
import { findManifest, readManifestText } from "./place.ts";
import type { World } from "./world.ts";

export const createFlag = toggleFlag(
  "--create",
  "Create the environment if neither fairlead.yml nor the controller knows it",
);

interface NewEnvironment extends EnvKey {
  readonly create: boolean;
  /** That of the manifest, if one was named. */
  readonly directory?: string | undefined;
}

/**
 * Asks before a command creates an environment that the manifest does not declare and the controller does not know: it
 * may be a typo. Production needs no question. Faults: `confirm.needed` without a terminal or if the answer is no.
 */
export async function confirmNewEnvironment(
  world: World,
  api: Client,
  { app, environment, create, directory }: NewEnvironment,
): Promise<void> {
  if (environment === "production" || create) return;
  const manifest = findManifest({ cwd: world.host.cwd, globals: world.globals }, directory);
  const [{ environmentsOf }, { nearest }] = await Promise.all([
    import("../manifest/read.ts"),
    import("../manifest/diagnostic.ts"),
  ]);
  const declared = manifest === null ? [] : environmentsOf(readManifestText(manifest));
  if (declared.includes(environment)) return;
  const { items } = await api.call("environments");
  const known = items.filter((one) => one.app === app).map((one) => one.environment);
  if (known.includes(environment)) return;
  const names = [...new Set([...declared, ...known, "production"])];
  const meant = nearest(environment, names) ?? names.find((name) => name.startsWith(environment));
  const unknown = `${app} has no environment ${environment}`;
  const words = meant === undefined ? unknown : `${unknown} – did you mean ${meant}?`;
  if (world.context.interactive) return world.confirm(`${words} Create ${environment}?`);
  const hint = `To create it, pass --create or declare it under environments: in fairlead.yml.`;
  throw new Fault("confirm.needed", words, { hint });
}
