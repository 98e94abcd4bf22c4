import { describe, expect, test } from "vitest";
import type { FaultCode } from "../base/faults.ts";
import { readWorld } from "../testing/simulation/case.ts";
import { faultOf } from "./gate.ts";
import { reportOf, watchVerdict } from "./watch.ts";

const unprobed = { readyInRow: 2, unreadyInRow: 0, deadInRow: 0, lastAnswer: null, listensOn: null };
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

describe("the report of a watch", () => {
  const report = (fresh: string, policy: { p95Ms: number | null }, code?: FaultCode) => {
    const s = readWorld(`service web http\nrelease 2\ninstance web v2 dep_2 0 gated ${fresh}`);
    const blame = code ? { fault: faultOf(code, ""), culprit: null } : null;
    const compared = { next, previous: null, policy: { forMs: 1_000, errors: 0.05, ...policy } };
    return reportOf(s, compared, blame).map(({ name, outcome, detail }) => `${name} ${outcome}: ${detail}`);
  };

  test("says what was seen", () => {
    expect(report("errors=1", { p95Ms: null })[0]).toBe("logs warned: 1 line of level error");
    expect(report("requests=200 failures=2 p95=120", { p95Ms: 500 })).toEqual([
      "logs passed: 0 lines of level error",
      "errors passed: 2 of 200 requests failed (limit 5 %)",
      "response-time passed: 95 of 100 answers within 120 ms (limit 500 ms)",
    ]);
  });

  test("warns of lines of level error, and of what is over a limit but too little to take a release back for", () => {
    expect(report("requests=10 failures=1 p95=600 errors=3", { p95Ms: 500 })).toEqual([
      "logs warned: 3 lines of level error",
      "errors warned: 1 of 10 requests failed (limit 5 %)",
      "response-time warned: 95 of 100 answers within 600 ms (limit 500 ms)",
    ]);
  });

  test("warns of a front page that is a fault although the service is ready", () => {
    const s = readWorld("service web http\nrelease 2\ninstance web v2 dep_2 0 gated ready=2");
    const probes = { ...s.probes, [s.instances[0]?.name ?? ""]: { ...unprobed, front: "GET / → 500" } };
    const compared = { next, previous: null, policy: { forMs: 1_000, errors: 0.05, p95Ms: null } };
    expect(reportOf({ ...s, probes }, compared, null)[0]).toEqual({
      name: "front-page",
      outcome: "warned",
      detail: "web is ready, but GET / → 500",
    });
  });

  test("warns of what was written beside the code, by the release and by the one before it", () => {
    const lines = ["service web http", "release 1", "release 2"];
    const s = readWorld([...lines, "instance web v1 dep_1 0 gated", "instance web v2 dep_2 0 gated"].join("\n"));
    const files = [["app.db"], ["b", "c", "d\u001b[2J", "e"]];
    const written = Object.fromEntries(s.instances.map(({ name }, at) => [name, files[at] ?? []]));
    const compared = {
      next,
      previous,
      policy: { forMs: 1, errors: 1, p95Ms: null },
    };
    const told = reportOf({ ...s, written }, compared, null).filter(({ name }) => name === "files");
    expect(told.map(({ detail }) => detail)).toEqual([
      "web v1 wrote beside its code, to be removed with the instance: app.db",
      "web v2 wrote beside its code, to be removed with the instance: b, c, d[2J, 1 more",
    ]);
  });

  test("does not claim to have measured where nothing came", () => {
    expect(report("", { p95Ms: null }).slice(1)).toEqual([
      "errors passed: no requests",
      "response-time passed: no requests",
    ]);
  });

  test("names what a release is taken back for", () => {
    expect(report("requests=40 failures=30 p95=10", { p95Ms: null }, "watch.errors").slice(1)).toEqual([
      "errors failed: 30 of 40 requests failed (limit 5 %)",
      "response-time passed: 95 of 100 answers within 10 ms (no limit)",
    ]);
  });
});
