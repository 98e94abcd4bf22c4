import type { Environment, EnvKey, Maintenance, Preview } from "../../model/environment.ts";
import type { InstanceFacts } from "../../model/instance.ts";

/** What only a person's order changes about an environment. Replicas `null`: the manifest's number again. */
export type EnvironmentChange =
  | { readonly kind: "maintenance"; readonly key: EnvKey; readonly maintenance: Maintenance | null }
  | { readonly kind: "preview"; readonly key: EnvKey; readonly preview: Preview }
  | { readonly kind: "scale"; readonly key: EnvKey; readonly service: string; readonly replicas: number | null };

/** Environments and what is known of their instances. */
export interface EnvironmentBook {
  /** All existing ones: removed previews are not included. */
  all(): Promise<readonly Environment[]>;
  /** Removed previews that are not deleted yet. */
  endedPreviews(): Promise<readonly Environment[]>;
  find(key: EnvKey): Promise<Environment | null>;
  facts(key: EnvKey): Promise<readonly InstanceFacts[]>;
}
