import { Fault } from "../base/faults.ts";
import type { EnvKey } from "./environment.ts";

/** A directory that lasts. It belongs to its environment: no end of an instance, a release or the environment removes it. */
export interface VolumeId {
  readonly key: EnvKey;
  readonly name: string;
}

/** A volume of its own environment that an instance sees. */
export interface Mount {
  readonly volume: string;
  /** Where a container has it. A plain process has it where `volumeVariable` says, as a container does. */
  readonly path: string;
  readonly readOnly: boolean;
}

const pattern = /^[a-z][a-z0-9-]{0,62}$/;

/** Fault `request.invalid` for a name that is not a single, harmless path segment. */
export function checkVolume({ name }: VolumeId): void {
  if (!pattern.test(name)) throw new Fault("request.invalid", `"${name.slice(0, 80)}" cannot name a volume`);
}

/** The variable that names the directory of a volume. */
export function volumeVariable(name: string): string {
  return `FAIRLEAD_VOLUME_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** Fault `confirm.needed` unless a person gave the name of the volume whose data shall be deleted. */
export function checkRemoval({ name }: VolumeId, confirmed: string): void {
  if (confirmed === name) return;
  throw new Fault("confirm.needed", `removing the volume ${name} deletes its data for good`, { confirm: name });
}
