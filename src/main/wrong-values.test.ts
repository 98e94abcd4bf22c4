import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openShop } from "./test-shop.ts";

let shop: Awaited<ReturnType<typeof openShop>>;
beforeAll(async () => {
  shop = await openShop("app: shop\nservices: { web: { run: node web.js } }\n");
});
afterAll(() => shop.close());

test.each([
  ["env set A=1 A=2", "", "a variable is given twice"],
  ["env set KEY --stdin", Buffer.from([0xff, 0xfe, 0x41]), "the value of KEY on stdin is not UTF-8 text"],
  ["env set KEY --stdin", "x".repeat(40_000), "set.KEY: must have at most 32768 characters"],
  ["env import nosuch.env", "", "nosuch.env does not exist"],
])("%s is refused, and says why", async (line, stdin, words) => {
  const { code, stderr } = await shop.run(line.split(" "), { host: { stdin: Readable.from([stdin]) } });
  expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
});
