import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { shownUpload } from "./upload.ts";
import type { World } from "./world.ts";

const chunk = Buffer.alloc(1024 * 1024, 1);

/** What stderr gets of an upload of 30 MB whose chunks take so long each. */
async function told(progress: "live" | "lines" | "none", msEach: number, total = 30): Promise<string> {
  let now = 0;
  let text = "";
  const stderr = {
    write: (words: string) => {
      text += words;
    },
  };
  const tar = Readable.from(
    (function* () {
      for (let n = 0; n < total; n += 1) {
        now += msEach;
        yield chunk;
      }
    })(),
    { objectMode: false },
  );
  const world = { context: { progress }, host: { stderr, now: () => now } } as unknown as World;
  expect((await buffer(shownUpload(world, tar, total * chunk.length))).length).toBe(total * chunk.length);
  return text;
}

test("a slow upload is redrawn on a terminal and leaves nothing behind; a quick one is not shown", async () => {
  const text = await told("live", 100);
  const [, ...drawn] = text.split("\r\x1b[2K");
  expect(drawn.length).toBeGreaterThan(2);
  expect(drawn.at(-2)).toMatch(/^uploading \d+\.0 MB of 30\.0 MB$/);
  expect(drawn.at(-1)).toBe("");
  expect(await told("live", 1)).toBe("");
});

test("elsewhere a large upload is one line", async () => {
  expect(await told("lines", 100)).toBe("uploading 30.0 MB\n");
  expect([await told("lines", 100, 3), await told("none", 100)]).toEqual(["", ""]);
});
