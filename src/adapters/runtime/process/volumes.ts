import { chmodSync, existsSync, globSync, lstatSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join, sep } from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { makeDirectory, replaceFileSync, syncSync } from "../../../host/files.ts";
import { Aside, makeOwn } from "../../../host/tree.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import { checkRemoval, checkVolume, type VolumeId } from "../../../model/volume.ts";
import type { Volumes } from "../../../ports/runtime.ts";
import type { UserOf } from "./tenants.ts";

interface VolumeOptions {
  readonly volumeDirectory: string;
  readonly userOf: UserOf;
  /** Resolves when what is being started now has started. */
  readonly settled: () => Promise<unknown>;
  /** The living instance that has a volume. */
  readonly heldBy: (volume: VolumeId) => string | undefined;
  /** Is told of what could not be deleted. */
  readonly notify: (words: string) => void;
}

/** Who owns the volumes of each environment, by `app/environment`. */
export function ownersOfVolumes(volumeDirectory: string): Readonly<Record<string, number>> {
  const owners = globSync("*/*/*/volume.json", { cwd: volumeDirectory }).flatMap((found) => {
    const [app = "", environment = "", name = ""] = found.split(sep);
    const data = lstatSync(join(volumeDirectory, app, environment, name, "data"), { throwIfNoEntry: false });
    return data ? [[keyText({ app, environment }), data.uid] as const] : [];
  });
  return Object.fromEntries(owners);
}

/**
 * Volumes as directories: `<app>/<environment>/<name>/` with `volume.json`, which makes it ours, and `data/`, which belongs
 * to the environment's user. A directory without that file is none of ours and is left alone. `.aside/`: what is deleted.
 */
export class VolumeFolder implements Volumes {
  readonly #options: VolumeOptions;
  readonly #directory: string;
  readonly #aside: Aside;

  constructor(options: VolumeOptions) {
    this.#options = options;
    this.#directory = options.volumeDirectory;
    this.#aside = new Aside({ directory: join(this.#directory, ".aside"), notify: options.notify });
  }

  /** Makes a volume unless it is there. It is there as a whole, also after a loss of power, or not at all. */
  async ensure(volume: VolumeId): Promise<void> {
    checkVolume(volume);
    const user = await this.#options.userOf(volume.key);
    const { app, environment } = volume.key;
    const parent = join(this.#directory, app, environment);
    await makeDirectory(parent);
    // Users pass through these to what is their own.
    for (const path of [this.#directory, join(parent, ".."), parent]) chmodSync(path, 0o711);
    if (this.data(volume) !== null) return;
    const draft = join(parent, `.new-${volume.name}`);
    this.#aside.take(draft);
    makeOwn(draft, null, 0o711);
    makeOwn(join(draft, "data"), user);
    replaceFileSync(join(draft, "volume.json"), `${JSON.stringify(volume)}\n`);
    try {
      renameSync(draft, this.#path(volume));
    } catch (thrown) {
      if (!isErrno(thrown, "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw thrown;
      throw new Fault("operation.failed", `the place of the volume ${volume.name} is taken`, { cause: thrown });
    }
    syncSync(parent);
  }

  async list(key: EnvKey): Promise<readonly VolumeId[]> {
    const parent = join(this.#directory, key.app, key.environment);
    const names = existsSync(parent) ? readdirSync(parent) : [];
    const all = names.filter((name) => !name.startsWith(".")).map((name) => ({ key, name }));
    return all.filter((volume) => this.data(volume) !== null);
  }

  /** The directory of a volume for those who mount it; null: there is no such volume of ours. */
  data(volume: VolumeId): string | null {
    checkVolume(volume);
    try {
      const { key, name } = JSON.parse(readFileSync(join(this.#path(volume), "volume.json"), "utf8")) as VolumeId;
      const isIt = name === volume.name && key.app === volume.key.app && key.environment === volume.key.environment;
      return isIt ? join(this.#path(volume), "data") : null;
    } catch (thrown) {
      if (thrown instanceof SyntaxError || isErrno(thrown, "ENOENT", "ENOTDIR")) return null;
      throw thrown;
    }
  }

  /** It is gone when this returns; its files are deleted later. */
  async remove(volume: VolumeId, confirmed: string): Promise<void> {
    checkRemoval(volume, confirmed);
    await this.#options.settled();
    const holder = this.#options.heldBy(volume);
    if (holder !== undefined) throw new Fault("operation.failed", `the volume ${volume.name} is in use by ${holder}`);
    if (this.data(volume) !== null) this.#aside.take(this.#path(volume));
  }

  idle(): Promise<void> {
    return this.#aside.idle();
  }

  #path({ key, name }: VolumeId): string {
    return join(this.#directory, key.app, key.environment, name);
  }
}
