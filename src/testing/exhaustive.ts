import { createHash } from "node:crypto";
import { runChild } from "../host/child.ts";

/**
 * Whether everything is tried: `npm test -- --exhaustive` sets FAIRLEAD_TEST_EXHAUSTIVE. Other runs try a sample of what is
 * many, and each commit another one.
 */
export const isExhaustive = process.env.FAIRLEAD_TEST_EXHAUSTIVE === "1";

/** A copy without its history, or a machine without git(1), draws the same sample in every run. */
const commit = await runChild(["git", "rev-parse", "HEAD"], { env: {} }).then(
  ({ stdout }) => stdout,
  () => "",
);

/** A number from 0 to 1 that a few numbers or words name, the same in every run. */
export function chance(...named: readonly (number | string)[]): number {
  return createHash("sha256").update(named.join(" ")).digest().readUInt32BE() / 2 ** 32;
}

/** At most so many of the items, drawn again by every commit and in its order; all of them in an exhaustive run. */
export function sample<T>(items: readonly T[], most: number): readonly T[] {
  if (isExhaustive) return items;
  const drawn = items.map((item, at) => ({ item, at, order: chance(commit, at) }));
  return drawn
    .sort((a, b) => a.order - b.order)
    .slice(0, most)
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/**
 * What tests draw their values with: the same in every run, so that nobody's run fails for what somebody else's did not see.
 * An exhaustive run tries others for every commit, and FAIRLEAD_TEST_SEED, any number, those that it names.
 */
export const seed = Number(process.env.FAIRLEAD_TEST_SEED ?? (isExhaustive ? Math.floor(1e6 * chance(commit)) : 1));
