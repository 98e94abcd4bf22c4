import { expect, test } from "vitest";
import { afterAsk, askMs, type EdgeProbe, firstPulse, isHung, standingOf } from "./pulse.ts";

const inVain = (askedMs: number, more: Partial<EdgeProbe> = {}): EdgeProbe => {
  return { askedMs, endedMs: askedMs + askMs, outside: "nothing", inside: false, ...more };
};

const seen = (...asks: readonly EdgeProbe[]) => {
  const pulse = asks.reduce(afterAsk, firstPulse);
  return [standingOf(pulse), isHung(pulse, asks.at(-1)?.endedMs ?? 0)];
};

test("an edge is hung when nothing of it answers for long, and silent before", () => {
  expect(seen()).toEqual(["answers", false]);
  expect(seen(inVain(0))).toEqual(["silent", false]);
  expect(seen(inVain(0), inVain(4_000))).toEqual(["silent", false]);
  expect(seen(inVain(0), inVain(4_000), inVain(8_000))).toEqual(["silent", true]);
  // A row of quick failures is no long time, and one question no row.
  expect(seen(...[0, 1, 2, 3].map((at) => inVain(at, { endedMs: at + 1 })))).toEqual(["silent", false]);
  expect(seen(inVain(0), inVain(60_000))).toEqual(["silent", false]);
});

test("an edge whose own socket answers is busy and never hung, however long clients get nothing", () => {
  const busy = (at: number) => inVain(at, { inside: true });
  expect(seen(...[0, 4_000, 8_000, 60_000, 600_000].map(busy))).toEqual(["busy", false]);
  expect(seen(inVain(0), inVain(4_000), busy(8_000), inVain(12_000), inVain(16_000))).toEqual(["silent", false]);
});

test("one that serves its clients and does not answer its controller is deaf", () => {
  const deaf = (at: number) => inVain(at, { outside: "answer" });
  expect(seen(deaf(0))).toEqual(["deaf", false]);
  expect(seen(deaf(0), deaf(4_000), deaf(8_000))).toEqual(["deaf", true]);
});

test("one answer is enough to begin anew", () => {
  const answer = inVain(8_000, { outside: "answer", inside: true, endedMs: 8_900 });
  expect(seen(inVain(0), inVain(4_000), answer)).toEqual(["answers", false]);
  expect(seen(inVain(0), inVain(4_000), answer, inVain(12_000), inVain(16_000))).toEqual(["silent", false]);
});

test("a question whose asker was late says nothing", () => {
  const late = [0, 5_000, 10_000, 20_000, 40_000].map((at) => inVain(at, { endedMs: at + askMs + 1_500 }));
  expect(seen(...late)).toEqual(["answers", false]);
  expect(seen(inVain(0), ...late, inVain(50_000))).toEqual(["silent", false]);
});

test("where nobody listens the edge is away", () => {
  const refused = inVain(0, { outside: "refused", endedMs: 1 });
  expect(seen(refused)).toEqual(["away", false]);
  expect(seen({ ...refused, inside: true })).toEqual(["busy", false]);
});
