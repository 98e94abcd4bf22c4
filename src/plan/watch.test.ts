import { describe, expect, test } from "vitest";
import { readWorld } from "../testing/simulation/case.ts";
import { watchVerdict } from "./watch.ts";

const next = { release: 2, generations: { web: "dep_2" } };
const previous = { release: 1, generations: { web: "dep_1" } };

/** What the watch says of figures of the old and the new instance. */
function judge(old: string, fresh: string, p95Ms: number | null = null) {
  const s = readWorld(
    `service web http alive\nrelease 1\nrelease 2\ninstance web v1 dep_1 0 gated ${old}\ninstance web v2 dep_2 0 gated ${fresh}`,
  );
  return watchVerdict(s, { next, previous, policy: { forMs: 1_000, errors: 0.05, p95Ms } })?.fault.code ?? null;
}

describe("the watch", () => {
  test.each([
    ["few requests say nothing", "", "requests=19 failures=4", null],
    ["… except when they plainly fail", "", "requests=8 failures=5", "watch.errors"],
    ["… which four do not", "", "requests=4 failures=4", null],
    ["exactly the limit is allowed", "", "requests=100 failures=5", null],
    ["more than the limit is not", "", "requests=100 failures=6", "watch.errors"],
    ["a release no worse than twice the one before stays", "requests=100 failures=6", "requests=100 failures=12", null],
    ["a worse one does not", "requests=100 failures=6", "requests=100 failures=13", "watch.errors"],
    [
      "few requests of the old release excuse nothing",
      "requests=10 failures=10",
      "requests=100 failures=6",
      "watch.errors",
    ],
    ["a crash counts at once", "", "exit=1@0s", "watch.crashed"],
    ["a hang counts as one", "", "dead=2", "watch.crashed"],
    ["one bad answer does not", "", "dead=1", null],
  ])("%s", (_name, old, fresh, code) => expect(judge(old, fresh)).toBe(code));

  test("slow answers count only against a limit, and over it", () => {
    expect(judge("", "requests=50 p95=900")).toBeNull();
    expect(judge("", "requests=50 p95=900", 900)).toBeNull();
    expect(judge("", "requests=50 p95=901", 900)).toBe("watch.slow");
    expect(judge("", "requests=19 p95=5000", 900)).toBeNull();
  });
});
