/**
 * How Node keeps small what it does not need (docs/performance.md has what it brings). Young objects get 3 × 2 MB instead
 * of 3 × 16, at the same CPU a request; bin/fairlead says so for the controller too. `gc` is for `settle`.
 */
export const nodeFlags = ["--max-semi-space-size=2", "--expose-gc"] as const;

/**
 * Collects what starting left. V8 measures by what then remains when to collect the next time; without a measure it lets
 * some 20 MB of garbage come together.
 */
export function settle(): void {
  globalThis.gc?.();
}

/**
 * One pool of glibc's allocator for all threads, given back to the system from 1 MB on: else every compiler thread of V8
 * keeps the 30 MB that it once needed. Bodies of 64 KB stay below what glibc asks the system for one by one.
 */
export const memoryVariables = { MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "1048576" } as const;
