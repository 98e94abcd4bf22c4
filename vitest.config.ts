import { availableParallelism } from "node:os";
import { matchesGlob } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { costlyStories, costlyUnits } from "./tools/test/cost.ts";

/** Stories that say something about containers; those about the API and the command line alone are played once. */
const playedOnContainers = [
  "bad-twins",
  "crash-anywhere",
  "edge-killed",
  "examples",
  "internal",
  "logs",
  "maintenance",
  "nobody-notices",
  "releases",
  "scaling-and-stopping",
  "strangers",
  "traffic",
].map((name) => `test/stories/${name}.test.ts`);

const longest = [...costlyStories, ...costlyUnits];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = longest.findIndex((pattern) => matchesGlob(moduleId, `/**/${pattern}`));
      return place < 0 ? longest.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/**
 * Time limits end what hangs, and are no measure of speed: a busy machine must not fail a test. What is waited for in a test
 * is given up after three minutes, before the test itself is.
 */
const patient = {
  pool: "forks",
  testTimeout: 480_000,
  hookTimeout: 240_000,
  expect: { poll: { timeout: 180_000 } },
} as const;

/**
 * Four projects: `unit` is quick and runs beside the code; `stories` starts real controllers, edges and apps; `containers`
 * plays stories once more on the container engine, behind HAProxy; `machine` stops and starts the engine itself, so nothing
 * else may run meanwhile.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "src/**/*.test.ts",
            "tools/**/*.test.ts",
            "test/cases/**/*.test.ts",
            "test/regression/**/*.test.ts",
          ],
          ...patient,
          // More than cores, where the default leaves one free: half of a test is waiting for processes, timers and the disk.
          maxWorkers: Math.ceil(1.5 * availableParallelism()),
        },
      },
      {
        test: {
          ...patient,
          name: "stories",
          include: ["test/stories/*.test.ts", "test/stories/load/*.test.ts"],
          maxWorkers: 3,
        },
      },
      {
        test: {
          ...patient,
          name: "containers",
          include: [...playedOnContainers, "test/stories/containers/*.test.ts"],
          env: { FAIRLEAD_TEST_RUNTIME: "docker" },
          // Most of a story is waiting for the engine.
          maxWorkers: 3,
        },
      },
      {
        test: {
          ...patient,
          name: "machine",
          include: ["test/stories/machine/*.test.ts"],
          env: { FAIRLEAD_TEST_RUNTIME: "docker" },
          fileParallelism: false,
        },
      },
    ],
  },
});
