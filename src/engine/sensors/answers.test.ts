import { setImmediate as settle } from "node:timers/promises";
import { expect, test } from "vitest";
import { createRedactor } from "../../base/redact.ts";
import { Secret } from "../../base/secret.ts";
import type { Inquiry } from "../../plan/checks.ts";
import { SimulatedClock } from "../../testing/simulation/clock.ts";
import type { Redactors } from "../redaction.ts";
import { AnswerSensor } from "./answers.ts";

const key = { app: "shop", environment: "production" };
const inquiry: Inquiry = {
  id: "web-1 page",
  release: 2,
  address: { host: "127.0.0.1", port: 1 },
  host: "shop.example.com",
  question: { path: "/page", status: 200, json: [] },
  withinMs: 30_000,
};

/** A sensor whose instance answers with these, one after the other. */
function world(...answers: readonly { good: boolean; words: string }[]) {
  const clock = new SimulatedClock();
  const redactor = createRedactor([{ name: "TOKEN", value: new Secret("s3cr3t-canary") }]);
  const redactors = { of: async () => redactor } as unknown as Redactors;
  const left = [...answers];
  const faults: unknown[] = [];
  const patience: number[] = [];
  const sensor = new AnswerSensor({
    clock,
    redactors,
    prober: {
      probe: async ({ timeoutMs }) => {
        patience.push(timeoutMs);
        const answer = left.shift();
        if (!answer) throw new Error("asked once too often");
        return { ...answer, refused: false };
      },
    },
    changed: () => undefined,
    failed: (_key, thrown) => faults.push(thrown),
  });
  const next = async () => {
    clock.step();
    await settle();
  };
  return { sensor, clock, next, left, faults, patience };
}

test("a question is asked until it is answered well, and then no more", async () => {
  const { sensor, clock, next, left, faults } = world(
    { good: false, words: "GET /page → 500" },
    { good: true, words: "GET /page → 200" },
  );
  sensor.ask(key, [inquiry]);
  await settle();
  expect(sensor.read(key)).toEqual({ "web-1 page": { good: false, words: "GET /page → 500" } });
  await next();
  sensor.ask(key, [inquiry]);
  expect(sensor.read(key)).toEqual({ "web-1 page": { good: true, words: "GET /page → 200" } });
  expect([clock.nextAt(), left, faults]).toEqual([null, [], []]);
});

test("one answer is not waited for as long as all of them", async () => {
  const { sensor, patience } = world({ good: true, words: "" }, { good: true, words: "" });
  sensor.ask(key, [inquiry, { ...inquiry, id: "web-1 other", withinMs: 2_000 }]);
  await settle();
  expect(patience).toEqual([10_000, 2_000]);
});

test("who is no longer wanted is not asked again, and its answer is forgotten", async () => {
  const { sensor, clock } = world({ good: false, words: "GET /page → 500" });
  sensor.ask(key, [inquiry]);
  await settle();
  sensor.ask({ ...key, environment: "staging" }, []);
  expect(sensor.read(key)).not.toEqual({});
  sensor.ask(key, []);
  expect([sensor.read(key), clock.nextAt()]).toEqual([{}, null]);
});

test("a question that could not be asked is reported and asked again", async () => {
  const { sensor, clock, faults } = world();
  sensor.ask(key, [inquiry]);
  await settle();
  expect([sensor.read(key), faults.length, clock.nextAt()]).toEqual([{}, 1, 500]);
});

test("what an answer shows of a secret is hidden", async () => {
  const { sensor } = world({ good: false, words: 'GET /page → 200, token is "s3cr3t-canary"' });
  sensor.ask(key, [inquiry]);
  await settle();
  expect(sensor.read(key)["web-1 page"]?.words).toBe('GET /page → 200, token is "[secret TOKEN]"');
});
