import { expect, test } from "vitest";
import { Window } from "./window.ts";

test("a sender waits until its reader has taken enough, or is gone", async () => {
  const window = new Window(3);
  const log: string[] = [];
  const taking = (async () => {
    for (const bytes of [2, 2, 3, 1]) log.push(`${bytes} ${await window.take(bytes)}`);
  })();
  await new Promise(setImmediate);
  expect(log).toEqual(["2 true"]);
  window.give(1);
  await new Promise(setImmediate);
  expect(log).toEqual(["2 true", "2 true"]);
  window.give(2);
  await new Promise(setImmediate);
  expect(log).toHaveLength(2);
  window.close();
  await taking;
  expect(log.slice(2)).toEqual(["3 false", "1 false"]);
});
