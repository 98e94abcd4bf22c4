import { Fault } from "../base/faults.ts";
import { formatSize } from "../base/size.ts";
import type { Client, Key } from "../client/client.ts";
import { findManifest, type Manifest } from "./place.ts";
import { type Source, uploadSource } from "./source.ts";
import type { World } from "./world.ts";

/** The manifest of the project here. Faults: `manifest.missing`. */
export function projectManifest(world: World, directory?: string): Manifest {
  const manifest = findManifest({ cwd: world.host.cwd, globals: world.globals }, directory);
  if (manifest === null) throw new Fault("manifest.missing", "there is no fairlead.yml here or in a directory above");
  return manifest;
}

/** The project's source on the controller, and where it belongs. */
export async function sourceAndKey(
  world: World,
  directory?: string,
): Promise<{ readonly api: Client; readonly key: Key; readonly source: Source }> {
  const manifest = projectManifest(world, directory);
  const api = world.api({ directory });
  const key = world.key(directory);
  const source = await uploadSource(api, manifest);
  if (world.context.verbose) {
    world.say(world.paint.dim(`source: ${source.entries.length} files, ${formatSize(source.bytes)}, ${source.digest}`));
  }
  return { api, key, source };
}
