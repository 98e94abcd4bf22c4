import type { Deployment } from "../../model/deployment.ts";
import type { EnvKey } from "../../model/environment.ts";

export interface DeploymentBook {
  find(id: string): Promise<Deployment | null>;
  /** Newest first, from before the id `before` on. */
  page(key: EnvKey, page: { before?: string; limit: number }): Promise<readonly Deployment[]>;
  /** Those that have not ended, oldest first. */
  unfinished(key: EnvKey): Promise<readonly Deployment[]>;
}
