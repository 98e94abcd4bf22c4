import { describe, expect, test } from "vitest";
import type { ReadyProbe } from "../model/release.ts";
import { readWorld } from "../testing/simulation/case.ts";
import { httpSpec, service } from "../testing/simulation/script.ts";
import { exitWords, gateWords, judgeGate } from "./gate.ts";

function judge(spec: string, instance: string) {
  const s = readWorld(`service ${spec}\nrelease 1\ninstance web v1 dep_1 0 ${instance}`);
  const [one, web] = [s.instances[0], s.releases[0]?.services[0]];
  return one && web ? judgeGate(s, web, one) : null;
}

describe("the gate of an instance", () => {
  test("passes after enough good answers in a row, and not one earlier", () => {
    expect(judge("web http", "age=1s ready=2")).toMatchObject({
      state: "passed",
      gate: "GET /ready → 200, 2 in a row",
    });
    expect(judge("web http", "age=1s ready=1")).toEqual({ state: "waiting", inMs: 4_000 });
  });

  test("fails when the time given is over, to the millisecond", () => {
    expect(judge("web http", "age=4999ms ready=1")).toEqual({ state: "waiting", inMs: 1 });
    const fault = { code: "gate.not-ready", detail: expect.stringContaining("last answer: GET /ready → 503") };
    expect(judge("web http", "age=5s unready=1")).toMatchObject({ state: "failed", fault });
  });

  test("is not given up for time that passed while nobody asked, nor while its answers are good", () => {
    expect(judge("web http", "age=1h")).toEqual({ state: "waiting", inMs: 1_000 });
    expect(judge("web http", "age=1h ready=1")).toEqual({ state: "waiting", inMs: 1_000 });
  });

  test("names the port that it listens on instead of its own", () => {
    const found = judge("web http", "age=5s unready=1 listens=3000");
    expect(found).toMatchObject({ state: "failed", fault: { code: "gate.wrong-port" } });
    expect(JSON.stringify(found)).toContain("listens on port 3000, but PORT=20100 was set");
  });

  test("names the setting for it where the port is the manifest's, and not where it is one of the pool", () => {
    const s = readWorld("service web http\nrelease 1\ninstance web v1 dep_1 0 age=5s unready=1 listens=3000");
    const [instance] = s.instances;
    if (!instance) return expect.fail("no instance");
    const hint = (port: number) =>
      JSON.stringify(judgeGate(s, service("web", { http: httpSpec("web", { port }) }), instance));
    expect(hint(instance.address?.port ?? 0)).toContain("write `http: { port: 3000 }`");
    expect(hint(8_080)).not.toContain("http: {");
  });

  test("fails after a third of its time when it listens only elsewhere and its manifest names no probe", () => {
    const s = readWorld("service web http\nrelease 1\ninstance web v1 dep_1 0 age=1s unready=1 listens=3000");
    const [instance] = s.instances;
    if (!instance) return expect.fail("no instance");
    const probe = { path: "/", json: [], withinMs: 5_000, everyMs: 1_000, times: 2 };
    const at = (status: ReadyProbe["status"], age: number) => {
      const web = service("web", { http: httpSpec("web", { ready: { ...probe, status } }) });
      return judgeGate({ ...s, now: instance.startedAt + age }, web, instance);
    };
    const elsewhere = { state: "failed", fault: { code: "gate.wrong-port" } };
    expect(at("below 500", 1_000)).toEqual({ state: "waiting", inMs: 667 });
    expect(at("below 500", 1_667)).toMatchObject(elsewhere);
    // The port of a debugger or of metrics may be open long before the app's own.
    expect(at(200, 1_999)).toEqual({ state: "waiting", inMs: 1 });
    const warning = "web listens on port 3000, but PORT=20100 was set and nothing listens there";
    expect(at(200, 2_000)).toEqual({ state: "waiting", inMs: 3_000, warning });
    expect(at(200, 4_999)).toEqual({ state: "waiting", inMs: 1, warning });
    expect(at(200, 5_000)).toMatchObject(elsewhere);
  });

  test("says of one that listens on its port and cannot be reached that this is why", () => {
    const unreachable = { state: "failed", fault: { code: "gate.unreachable" } };
    expect(judge("web http", "age=1667ms unready=1 listens=20100")).toEqual({ state: "waiting", inMs: 333 });
    const warning = expect.stringContaining("not where it can be reached");
    expect(judge("web http", "age=2s unready=1 listens=20100")).toEqual({ state: "waiting", inMs: 3_000, warning });
    expect(judge("web http", "age=5s unready=1 listens=20100")).toMatchObject(unreachable);
  });

  test("an instance that ended has failed, however good its answers were", () => {
    expect(judge("web http", "age=1s ready=2 exit=7@0s")).toMatchObject({
      state: "failed",
      fault: { code: "gate.crashed", detail: "web exited with 7 before it was ready" },
    });
  });

  test("without a port it has to stay up for its time", () => {
    expect(judge("web", "age=799ms")).toEqual({ state: "waiting", inMs: 1 });
    expect(judge("web", "age=800ms")).toEqual({ state: "passed", gate: "up for 800 ms" });
  });

  test("is always told in words", () => {
    const json = [{ path: ["status"], equals: "healthy" }];
    const ready = { path: "/h", status: 200, json, withinMs: 1, everyMs: 1, times: 3 };
    expect(gateWords(service("a", { http: httpSpec("a", { ready }) }))).toBe(
      'GET /h → 200, status is "healthy", 3 in a row',
    );
    expect(gateWords(service("a", { http: httpSpec("a", { ready: null }) }))).toContain(
      "accepts connections, 2 in a row",
    );
    const any = { ...ready, path: "/", status: "below 500", json: [], times: 2 } as const;
    expect(gateWords(service("a", { http: httpSpec("a", { ready: any }) }))).toBe(
      "GET / → below 500, 2 in a row (no ready probe given)",
    );
  });

  test.each([
    ["could-not-start", 127, null, "could not be started (exit 127)"],
    ["out-of-memory", null, "SIGKILL", "was killed because it ran out of memory"],
    ["signalled", null, "SIGTERM", "was terminated by SIGTERM"],
    ["lost", null, null, "disappeared"],
  ] as const)("an end by %s is told in words", (reason, code, signal, words) => {
    const [one] = readWorld("instance web v1 dep_1 0").instances;
    expect(one && exitWords({ ...one, exit: { at: 0, code, signal, reason } })).toBe(words);
  });
});
