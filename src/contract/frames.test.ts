import { expect, test } from "vitest";
import { frameBytes, frameIn, framesOf } from "./frames.ts";

test("bytes of a stream are cut into messages that say of which, and come out as they were", () => {
  const bytes = Uint8Array.from({ length: 2 * frameBytes + 1 }, (_, at) => at % 251);
  const messages = [...framesOf("stderr", bytes)];
  expect(messages.map(({ length }) => length)).toEqual([frameBytes + 1, frameBytes + 1, 2]);
  const frames = messages.map(frameIn);
  expect(frames.map((frame) => frame?.stream)).toEqual(["stderr", "stderr", "stderr"]);
  expect(Buffer.concat(frames.map((frame) => frame?.bytes ?? ([] as unknown as Uint8Array)))).toEqual(
    Buffer.from(bytes),
  );
  expect([...framesOf("stdin", new Uint8Array())]).toEqual([]);
});

test.each([[new Uint8Array()], [Uint8Array.of(3, 1)], [new Uint8Array(frameBytes + 2)]])(
  "%# is no frame",
  (message) => {
    expect(frameIn(message)).toBe(null);
  },
);
