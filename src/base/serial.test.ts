import { expect, test } from "vitest";
import { inTurn, Serial, SingleFlight } from "./serial.ts";

test("work in one queue runs one after the other, whatever becomes of it, and its fault is for who asked", async () => {
  const order: string[] = [];
  const next = inTurn();
  const first = next(async () => {
    order.push("first begins");
    await Promise.resolve();
    order.push("first ends");
    throw new RangeError("first");
  });
  const second = next(async () => void order.push("second"));
  await expect(first).rejects.toThrow("first");
  await second;
  expect(order).toEqual(["first begins", "first ends", "second"]);
  const serial = new Serial();
  void serial.run("a", async () => void order.push("a"));
  await serial.idle();
  expect(order.at(-1)).toBe("a");
});

test("who asks while the same work is under way gets its answer; afterwards it is done again", async () => {
  const gate = Promise.withResolvers<void>();
  const flights = new SingleFlight();
  let begun = 0;
  const work = () => {
    begun += 1;
    return gate.promise;
  };
  const both = [flights.run("a", work), flights.run("a", work)];
  const over = flights.over("a");
  gate.reject(new RangeError("gone"));
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await over;
  expect(begun).toBe(1);
  await expect(flights.run("a", work)).rejects.toThrow("gone");
  await flights.over();
  expect(begun).toBe(2);
});
