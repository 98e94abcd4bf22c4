import { setImmediate as settle } from "node:timers/promises";
import { expect, test } from "vitest";
import { createRedactor } from "../base/redact.ts";
import { Secret } from "../base/secret.ts";
import type { ProbeTarget } from "../plan/probes.ts";
import type { Runtime } from "../ports/runtime.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { ProbeBoard } from "./probes.ts";
import type { Redactors } from "./redaction.ts";

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

/** What is told of a bad answer with these words; `open`: whether the secrets of the release can be opened. */
async function told(words: string, open: () => Promise<unknown>): Promise<[string | null | undefined, unknown[]]> {
  const faults: unknown[] = [];
  const board = new ProbeBoard({
    clock: new SimulatedClock(),
    redactors: { of: open } as unknown as Redactors,
    runtime: {} as Runtime,
    prober: { probe: async () => ({ good: false, words, refused: false }) },
    changed: () => undefined,
    failed: (_key, thrown) => faults.push(thrown),
  });
  board.watch(key, [target]);
  await settle();
  return [board.states(key)["web-1"]?.lastAnswer, faults];
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
    "a bad answer, which cannot be shown",
    [broken],
  ]);
});
