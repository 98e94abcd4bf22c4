/**
 * What costs most, the longest first: a run begins with it, so that nothing long is left to run alone at the end. A
 * clean clone has no times of previous runs.
 */
export const costlyStories: readonly string[] = [
  "test/stories/crash-anywhere.test.ts",
  "test/stories/containers/frameworks.test.ts",
  "test/stories/nobody-notices.test.ts",
  "test/stories/releases.test.ts",
  "test/stories/bad-twins.test.ts",
  "test/stories/scaling-and-stopping.test.ts",
  "test/stories/containers/peers.test.ts",
];

/**
 * Units, as patterns, that are bound by processor time or wait for an engine and many processes: `npm test -- --quick` leaves
 * them out, and says so.
 */
export const costlyUnits: readonly string[] = [
  "src/adapters/edge/haproxy/container.test.ts",
  "src/adapters/{build,runtime}/docker/*.test.ts",
  "src/adapters/edge/{embedded,haproxy}/conformance.test.ts",
  "src/engine/simulation.test.ts",
  "src/engine/mutations.test.ts",
  "src/adapters/edge/embedded/embedded-edge.test.ts",
  "src/adapters/edge/haproxy/haproxy-edge.test.ts",
  "src/engine/certificates.test.ts",
  "src/manifest/fuzz.test.ts",
  "test/regression/issue-9-edges-alike.test.ts",
];

/** The stories of `npm test -- --quick`: releases that go live, fail and are rolled back; traffic; the log. */
export const quickStories: readonly string[] = [
  "test/stories/releases.test.ts",
  "test/stories/traffic.test.ts",
  "test/stories/logs.test.ts",
];
