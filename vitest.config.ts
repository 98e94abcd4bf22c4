import { defineConfig } from "vitest/config";

/** Two projects: `unit` is quick and runs beside the code; `stories` starts real controllers, edges and apps. */
export default defineConfig({
  test: {
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
          pool: "forks",
          // One for each core, where the default leaves one free: much of a test is waiting for processes and for the disk.
          maxWorkers: "100%",
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "stories",
          include: ["test/stories/**/*.test.ts"],
          pool: "forks",
          fileParallelism: false,
          testTimeout: 240_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
