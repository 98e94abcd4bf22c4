import { describe, expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import type { Deployment } from "../model/deployment.ts";
import { readWorld } from "../testing/simulation/case.ts";
import { planBlind } from "./blind.ts";
import type { Plan } from "./plan.ts";

const why = new Fault("engine.unreachable", "the container engine does not answer").toRecord();

/** What becomes of the deployment of v2 in an environment that cannot be observed. */
function planned(deployment: string): Plan {
  return planBlind(readWorld(`service web http\nrelease 1\nrelease 2\nserving v1 dep_1\n${deployment}`), why);
}

function written({ steps }: Plan): Deployment | undefined {
  const changes = steps.flatMap((step) => (step.do === "record" ? step.changes : []));
  return changes.find((change) => change.kind === "deployment")?.deployment;
}

describe("in an environment that cannot be observed", () => {
  test.each(["build", "release", "start", "gate", "switch", "watch", "drain", "undo"])(
    "phase %s is waited for in its time, and nothing is done",
    (phase) => {
      const verdict = phase === "undo" ? "verdict=failed" : "";
      const plan = planned(`deployment dep_2 v2 phase=${phase} since=1m previous=v1/dep_1 ${verdict}`);
      expect(plan.steps).toEqual([]);
      expect(plan.againAfterMs).toBeGreaterThan(0);
    },
  );

  test.each([
    ["build", "ended", "failed"],
    ["release", "undo", "failed"],
    ["gate", "undo", "failed"],
    ["switch", "undo", "failed"],
    ["watch", "undo", "rolled-back"],
  ])("phase %s ends in its time: it goes to %s", (phase, to, verdict) => {
    const found = written(planned(`deployment dep_2 v2 phase=${phase} since=3h previous=v1/dep_1`));
    expect(found).toMatchObject({ phase: to, verdict, fault: { code: "deployment.deadline" } });
    expect(found?.fault?.detail).toContain(why.detail);
  });

  test("what is taken back ends in its time, and says that nobody knows what is left", () => {
    const found = written(planned("deployment dep_2 v2 phase=undo since=1h previous=v1/dep_1 verdict=failed"));
    expect(found).toMatchObject({ phase: "ended", verdict: "failed" });
    expect(found?.fault?.detail).toContain(why.detail);
  });

  test("what serves already is live in its time", () => {
    const found = written(planned("deployment dep_2 v2 phase=drain since=1h previous=v1/dep_1"));
    expect(found).toMatchObject({ phase: "ended", verdict: "live", fault: null });
  });

  test("what is called off ends, and so does what waits too long", () => {
    expect(written(planned("deployment dep_2 v2 phase=gate since=1s previous=v1/dep_1 cancelled"))).toMatchObject({
      phase: "undo",
      verdict: "cancelled",
    });
    expect(written(planned("deployment dep_2 v2 since=49h"))).toMatchObject({ phase: "ended", verdict: "failed" });
  });

  test("what was misdated by a clock that was set is written down anew", () => {
    const found = written(planned("deployment dep_2 v2 phase=watch since=5s previous=v1/dep_1 misdated"));
    expect(found).toMatchObject({ id: "dep_2", phase: "watch" });
  });

  test("it only writes down what it decides", () => {
    const plan = planned("deployment dep_2 v2 phase=watch since=3h previous=v1/dep_1");
    expect(plan.steps.map((step) => step.do)).toEqual(["record"]);
  });
});
