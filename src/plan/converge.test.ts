import { describe, expect, test } from "vitest";
import { readWorld } from "../testing/simulation/case.ts";
import { plan } from "./decide.ts";
import { type Step, subjectOf } from "./plan.ts";

const worker = "service worker\nrelease 1\nserving v1 dep_1\n";
const web = "service web http alive\nrelease 1\nserving v1 dep_1\n";

function deeds(world: string) {
  const { steps, againAfterMs } = plan(readWorld(world));
  const short = (step: Step) => `${step.do} ${subjectOf(step).replace("fl-shop-production-", "")}`;
  return { deeds: steps.filter((step) => step.do !== "record").map(short), againAfterMs };
}

/** Ended attempts of the worker, the last one first; each lived `livedS` seconds and ended `endedS` ago. */
function attempts(...ends: readonly (readonly [livedS: number, endedS: number])[]): string {
  return ends
    .map(([lived, ended], i) => {
      const words = `age=${lived + ended}s retired=${ended}s@ended exit=1@${ended}s no-address`;
      return `instance worker v1 dep_1 0.${ends.length - 1 - i} ${words}\n`;
    })
    .join("");
}

describe("a task whose deployment has ended", () => {
  const signals = (purpose: "build" | "release", more = "") => {
    const s = readWorld(`${worker}task worker dep_9 v1\n${more}`);
    const tasks = s.tasks.map((task) => ({ ...task, spec: { ...task.spec, purpose } }));
    return plan({ ...s, tasks })
      .steps.filter((step) => step.do === "signal")
      .map((step) => step.signal);
  };

  test("is killed when it is a build that nobody waits for", () => {
    expect(signals("build")).toEqual(["SIGKILL"]);
  });

  test("is left to its end when it is the build that the next deployment waits for, or may be: what else builds holds that up", () => {
    const next = (state: string) => `release 2 ${state}\ndeployment dep_8 v2 phase=build since=2s previous=v1/dep_1`;
    const [own] = readWorld(`${worker}task worker dep_9 v1\n`).tasks;
    expect(signals("build", next(`building=${own?.name}`))).toEqual([]);
    expect(signals("build", next("building"))).toEqual([]);
    expect(signals("build", next("building=build-other"))).toEqual(["SIGKILL"]);
    expect(signals("build", next("built"))).toEqual(["SIGKILL"]);
  });

  test("is left to its end when it is a release command", () => {
    expect(signals("release")).toEqual([]);
  });
});

describe("a crashed instance", () => {
  test.each([
    [[[1, 0]], 250],
    [
      [
        [1, 0],
        [1, 5],
      ],
      500,
    ],
    [
      [
        [1, 0],
        [1, 5],
        [1, 9],
      ],
      1_000,
    ],
    [
      [
        [1, 0],
        [70, 5],
        [1, 90],
      ],
      250,
    ], // the second one was stable: counting starts again after it
  ] as const)("after %j is started again in %d ms", (ends, delay) => {
    expect(deeds(worker + attempts(...ends))).toEqual({ deeds: [], againAfterMs: delay });
  });

  test("is started again at once when its wait is over, or when it had been stable", () => {
    expect(deeds(worker + attempts([1, 1])).deeds).toContain("start worker-v1-0-1-1");
    expect(deeds(worker + attempts([60, 0])).deeds).toContain("start worker-v1-0-1-1");
  });

  test("waits at most 30 s", () => {
    const many = Array.from({ length: 9 }, (_, i) => [1, i * 2] as const);
    expect(deeds(worker + attempts(...many)).againAfterMs).toBe(30_000);
  });
});

describe("an instance that stopped answering", () => {
  const dead = "instance web v1 dep_1 0 age=90s gated routed dead=2 retired=0s@not-alive\n";

  test("is replaced first, and keeps its routes until the successor is gated", () => {
    expect(deeds(web + dead).deeds).toEqual(["start web-v1-0-1-1"]);
    expect(deeds(`${web}${dead}instance web v1 dep_1 0.1 age=1s`).deeds).toEqual([]);
    expect(deeds(`${web}${dead}instance web v1 dep_1 0.1 age=1s gated`).deeds).toEqual(["route shop/production"]);
  });

  test("is not replaced one bad answer too early", () => {
    expect(plan(readWorld(`${web}instance web v1 dep_1 0 age=90s gated routed dead=1`)).steps).toEqual([]);
  });
});

describe("stopping", () => {
  const fresh = "instance web v1 dep_1 0 age=90s gated routed\n";
  const going = (words: string) => deeds(`${web}${fresh}instance web v1 dep_0 0 age=99s gated ${words}`);

  test("waits for requests under way, but only for so long", () => {
    expect(going("retired=1s active=1").deeds).toEqual([]);
    expect(going("retired=1500ms active=1").deeds).toEqual(["signal web-v1-0-0-0"]);
    expect(going("retired=0s").deeds).toEqual(["signal web-v1-0-0-0"]);
  });

  test("kills when the stop signal was ignored, and asks again when even that does not help", () => {
    expect(going("retired=9s stopping=1999ms")).toEqual({ deeds: [], againAfterMs: 1 });
    expect(going("retired=9s stopping=2s").deeds).toEqual(["signal web-v1-0-0-0"]);
    expect(going("retired=9s stopping=4s killed=4s").deeds).toEqual([]);
    expect(going("retired=9s stopping=9s killed=5s").deeds).toEqual(["signal web-v1-0-0-0"]);
  });

  test("never happens while it is not known whether the edge routes to it", () => {
    const down = `${web}edge down\ninstance web v1 dep_1 0 age=9s gated\ninstance web v1 dep_0 0 age=99s gated retired=9s`;
    expect(deeds(down).deeds).toEqual(["start-edge edge"]);
  });
});
