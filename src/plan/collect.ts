/** Something in the artifact store. */
export interface StoredContent {
  readonly digest: string;
  readonly what: "source" | "artifact";
  readonly touchedAt: number;
}

/**
 * What to keep: artifacts and sources of the last live releases of every environment, and of all running deployments.
 */
export interface Roots {
  readonly artifacts: ReadonlySet<string>;
  readonly sources: ReadonlySet<string>;
}

/** An upload precedes the deployment that names it; until then only its age protects it. */
export const collectAfterMs = 3_600_000;

/** How much history an environment keeps, however busy it is: about 10 MB, plus what a rollback needs. */
export const historyKept = { newestDeployments: 1_000, newestReleases: 500 } as const;

/** The stored objects that no release needs any more (invariant 8: what a rollback needs is never collected). */
export function collectible<T extends StoredContent>(stored: readonly T[], roots: Roots, now: number): readonly T[] {
  return stored.filter((object) => {
    const needed = object.what === "source" ? roots.sources : roots.artifacts;
    return !needed.has(object.digest) && now - object.touchedAt >= collectAfterMs;
  });
}
