import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

test("owners take turns however often one of them asks, and no more work is done at a time than may be", async () => {
  const turns = new Turns(2);
  const done: string[] = [];
  let [running, most] = [0, 0];
  const work = (name: string) => async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    done.push(name);
  };
  const busy = Array.from({ length: 20 }, (_, i) => turns.take("busy", work(`busy ${i}`)));
  const quiet = ["a", "b", "c"].map((owner) => turns.take(owner, work(owner)));
  await Promise.all([...busy, ...quiet]);
  expect(most).toBe(2);
  for (const owner of ["a", "b", "c"]) expect(done.indexOf(owner)).toBeLessThan(7);
  expect(done.filter((name) => name.startsWith("busy"))).toEqual(Array.from({ length: 20 }, (_, i) => `busy ${i}`));
});

test("work that fails gives its turn back", async () => {
  const turns = new Turns(1);
  await expect(turns.take("a", () => Promise.reject(new TypeError("no")))).rejects.toThrow("no");
  expect(await turns.take("a", async () => "yes")).toBe("yes");
});
