import { setImmediate as settle } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createRedactor } from "../../base/redact.ts";
import { Secret } from "../../base/secret.ts";
import type { Route } from "../../model/route.ts";
import type { ProbeTarget } from "../../plan/probes.ts";
import type { Edge } from "../../ports/edge.ts";
import type { ProbeAnswer, ProbeRequest } from "../../ports/prober.ts";
import type { Runtime, Stranger } from "../../ports/runtime.ts";
import { SimulatedClock } from "../../testing/simulation/clock.ts";
import { SimulatedJournal } from "../../testing/simulation/journal.ts";
import type { Redactors } from "../redaction.ts";
import { ProbeSensor } from "./probes.ts";

const key = { app: "shop", environment: "production" };
const target: ProbeTarget = {
  name: "web-1",
  service: "web",
  release: 2,
  host: "shop.example.com",
  address: { host: "127.0.0.1", port: 1 },
  ready: { path: "/ready", status: 200, json: [], withinMs: 5_000, everyMs: 1_000, times: 2 },
  everyMs: 1_000,
  times: 2,
  unreadyAfter: 3,
  alive: null,
  gated: false,
};

/** A journal, and an edge that routes to these instances of `web`. */
function quiet(...routed: readonly string[]) {
  const route = { service: "web", upstreams: routed.map((id) => ({ id })) } as unknown as Route;
  const edge = { observe: async () => ({ table: { routes: [route] } }) } as unknown as Edge;
  return { journal: new SimulatedJournal(), edge };
}

/** The report for a bad answer with these words; `open`: whether the secrets of the release can be opened. */
async function told(words: string, open: () => Promise<unknown>): Promise<[string | null | undefined, unknown[]]> {
  const faults: unknown[] = [];
  const sensor = new ProbeSensor({
    clock: new SimulatedClock(),
    redactors: { of: open } as unknown as Redactors,
    runtime: {} as Runtime,
    prober: { probe: async () => ({ good: false, words, refused: false }) },
    ...quiet(),
    changed: () => undefined,
    failed: (_key, thrown) => faults.push(thrown),
  });
  sensor.ask(key, [target]);
  await settle();
  return [sensor.read(key)["web-1"]?.lastAnswer, faults];
}

test("a bad answer is told without the secrets that it quotes", async () => {
  const redactor = createRedactor([{ name: "TOKEN", value: new Secret("s3cr3t-canary") }]);
  const [words] = await told('GET /ready → 200, status is "s3cr3t-canary"', async () => redactor);
  expect(words).toMatch(/^GET \/ready → 200, status is "/);
  expect(words).not.toContain("canary");
});

test("where the secrets cannot be opened it is not shown at all, and somebody hears why", async () => {
  const broken = new Error("the vault is closed");
  expect(await told("GET /ready → 500, s3cr3t-canary", () => Promise.reject(broken))).toEqual([
    "a bad answer that cannot be shown",
    [broken],
  ]);
});

const alive = { path: "/alive", everyMs: 1_000, timeoutMs: 500, failures: 2 };
const good: ProbeAnswer = { good: true, words: "200", refused: false };
const bad: ProbeAnswer = { good: false, words: "503", refused: false };

interface Asking {
  readonly more?: Partial<ProbeTarget>;
  readonly answer: (request: ProbeRequest) => ProbeAnswer;
  readonly stranger?: () => Stranger | null;
  readonly takesMs?: number;
  readonly routed?: readonly string[];
}

/** The sensor after so long, and how often it looked who holds the port. */
async function asked({ more, answer, stranger = () => null, takesMs = 1, routed = [] }: Asking, forMs: number) {
  const { journal, edge } = quiet(...routed);
  const clock = new SimulatedClock();
  let looks = 0;
  const strangerAt = async () => {
    looks += 1;
    return stranger();
  };
  const sensor = new ProbeSensor({
    clock,
    redactors: { of: async () => createRedactor([]) } as unknown as Redactors,
    runtime: { strangerAt, listening: async () => [] } as unknown as Runtime,
    prober: { probe: (request) => new Promise((resolve) => clock.after(takesMs, () => resolve(answer(request)))) },
    journal,
    edge,
    changed: () => undefined,
    failed: (_key, thrown) => {
      throw thrown;
    },
  });
  sensor.ask(key, [{ ...target, ...more }]);
  clock.after(forMs, () => undefined);
  for (; clock.elapsed < forMs; await settle()) clock.step();
  const states = sensor.read(key);
  await sensor.close();
  const notes = (await journal.events.page({ key, after: 0, limit: 9 })).map(({ kind, detail }) => `${kind} ${detail}`);
  return { state: states["web-1"], looks, notes, left: clock.nextAt() };
}

test("what is ready by its own probe and answers visitors with a fault is noted", async () => {
  const answer = (request: ProbeRequest) =>
    "path" in request && request.path === "/" ? { ...bad, words: "GET / → 500" } : good;
  expect((await asked({ answer }, 200)).state).toMatchObject({ front: "GET / → 500" });
  // Whoever sees that it is ready has the answer already.
  for (let ms = 0; ms < 100; ms += 5) {
    const { state } = await asked({ answer }, ms);
    if (state?.readyInRow === target.times) expect(state.front).toBe("GET / → 500");
  }
  expect((await asked({ answer: () => good }, 200)).state?.front ?? null).toBeNull();
});

describe("an answer at an instance's address", () => {
  const squatter: Stranger = { who: "process 7 (node) of user 9", isThere: true };

  test("of somebody else is a bad one, and is told", async () => {
    const { state } = await asked({ answer: () => good, stranger: () => squatter }, 200);
    expect(state).toMatchObject({ readyInRow: 0, stranger: "process 7 (node) of user 9 answers instead" });
  });

  test("of somebody who listened no more when it was looked is a bad one too", async () => {
    const gone = { who: "a process that listens no more", isThere: false };
    const { state } = await asked({ answer: () => good, stranger: () => gone }, 200);
    expect(state?.readyInRow).toBe(0);
    expect(state?.stranger).toContain("listens no more");
  });

  test("of somebody else keeps nobody alive", async () => {
    let calls = 0;
    const answer = () => (calls++ < 3 ? good : calls < 8 ? bad : good);
    const { state } = await asked(
      { more: { gated: true, alive }, answer, stranger: () => (calls > 8 ? squatter : null) },
      30_000,
    );
    expect(state?.deadInRow).toBeGreaterThan(2);
    expect(state?.readyInRow).toBe(0);
  });

  test("is looked after when the verdict changes, and not each time", async () => {
    const { state, looks } = await asked({ more: { gated: true, alive }, answer: () => good }, 60_000);
    expect(state?.readyInRow).toBeGreaterThan(50);
    expect(looks).toBeLessThanOrEqual(3);
  });
});

describe("a bad answer that came late because the controller was busy", () => {
  const late: ProbeAnswer = { ...bad, late: true };

  test.each([
    ["that says so", late, 1],
    ["that took much longer than it may", bad, 60_000],
  ])("%s changes nothing", async (_words, answer, takesMs) => {
    const { state } = await asked({ more: { gated: true, alive }, answer: () => answer, takesMs }, 300_000);
    expect(state).toMatchObject({ readyInRow: 0, unreadyInRow: 0, deadInRow: 0, lastAnswer: null });
  });

  test("one that came in time counts", async () => {
    const { state } = await asked({ more: { gated: true, alive }, answer: () => bad }, 10_000);
    expect(state?.deadInRow).toBeGreaterThan(3);
    expect(state?.unreadyInRow).toBeGreaterThan(3);
  });
});

test.each([
  [["web-1"], /^edge\.last-upstream-kept web: 503, 3 in a row; it is the last one, so it keeps its traffic$/],
  [["web-1", "web-2"], /^instance\.not-ready web: 503, 3 in a row; it gets no traffic until it is ready again$/],
])(
  "with %j in traffic it is noted once that one of them is not ready, and a closed sensor asks no more",
  async (routed, words) => {
    const { notes, left } = await asked({ more: { gated: true }, answer: () => bad, routed }, 20_000);
    expect([notes, left]).toEqual([[expect.stringMatching(words)], null]);
  },
);
