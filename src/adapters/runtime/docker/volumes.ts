import { sha256 } from "../../../base/digest.ts";
import { Fault } from "../../../base/faults.ts";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { installationLabel } from "../../../host/installation.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import { checkRemoval, checkVolume, type VolumeId } from "../../../model/volume.ts";
import type { Volumes } from "../../../ports/runtime.ts";
import { keyLabels, type Labels } from "./labels.ts";

interface ListedVolume {
  readonly Name: string;
  readonly Labels: Labels | null;
}

const volumeLabel = "fairlead.volume";

/** Volumes of the engine, known by their labels. */
export class EngineVolumes implements Volumes {
  readonly #engine: ContainerEngine;
  readonly #installation: string;

  constructor(engine: ContainerEngine, installation: string) {
    this.#engine = engine;
    this.#installation = installation;
  }

  /** The name on the engine: hyphens are in names too, and installations share an engine. */
  nameOf({ key, name }: VolumeId): string {
    const whose = sha256(`${this.#installation} ${keyText(key)} ${name}`).slice(-6);
    return `fl-${key.app}-${key.environment}-${name}-${whose}`;
  }

  async ensure(volume: VolumeId): Promise<void> {
    checkVolume(volume);
    const own = { ...keyLabels(this.#installation, volume.key), [volumeLabel]: volume.name };
    // The engine answers with the one that is there already, whoever made it.
    const made = await this.#engine.json<ListedVolume>("POST", "/volumes/create", {
      body: { Name: this.nameOf(volume), Labels: own },
    });
    if (!this.#isOwn(made)) throw new Fault("operation.failed", `the volume ${made.Name} belongs to somebody else`);
  }

  async list(key: EnvKey): Promise<readonly VolumeId[]> {
    const label = Object.entries(keyLabels(this.#installation, key)).map((pair) => pair.join("="));
    const query = { filters: { label } };
    const { Volumes } = await this.#engine.json<{ Volumes: ListedVolume[] | null }>("GET", "/volumes", { query });
    return (Volumes ?? []).flatMap(({ Labels }) => {
      const name = Labels?.[volumeLabel];
      return name === undefined ? [] : [{ key, name }];
    });
  }

  /** Whether a volume is there and ours. */
  async has(volume: VolumeId): Promise<boolean> {
    checkVolume(volume);
    try {
      return this.#isOwn(await this.#engine.json<ListedVolume>("GET", `/volumes/${this.nameOf(volume)}`));
    } catch (thrown) {
      if (isRefusal(thrown, 404)) return false;
      throw thrown;
    }
  }

  /** Ended containers have it, too, until they are removed. */
  async remove(volume: VolumeId, confirmed: string): Promise<void> {
    checkRemoval(volume, confirmed);
    if (!(await this.has(volume))) return;
    try {
      await this.#engine.json("DELETE", `/volumes/${this.nameOf(volume)}`);
    } catch (thrown) {
      if (isRefusal(thrown, 404)) return;
      if (!isRefusal(thrown, 409)) throw thrown;
      throw new Fault("operation.failed", `the volume ${volume.name} is in use`, { cause: thrown });
    }
  }

  #isOwn({ Labels }: ListedVolume): boolean {
    return Labels?.[installationLabel] === this.#installation && Labels[volumeLabel] !== undefined;
  }
}
