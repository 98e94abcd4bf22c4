import type { TestOptions } from "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** Why a test was omitted. */
    because?: string;
    /** It is omitted on every machine, because the thing under test does not do that. */
    limit?: boolean;
  }
}

/**
 * For `test.skip(sentence, limitOf(because))`: what an adapter does not do, anywhere. The test command lists it apart from
 * tests that were skipped because the machine lacks something.
 */
export function limitOf(because: string): TestOptions {
  return { meta: { because, limit: true } };
}
