import { describe, expect, test } from "vitest";
import { BuildkitLines } from "./buildkit-lines.ts";
import { PlainLines } from "./buildx.ts";
import { ClassicLines } from "./classic-lines.ts";
import { exitCodeIn } from "./way.ts";
import { fieldsOf } from "./wire.ts";

type Value = number | string | readonly (readonly [number, Value])[];

/** A message as protobuf writes it: fields by number; a list of fields is a message inside. */
function message(...fields: readonly (readonly [number, Value])[]): Buffer {
  return Buffer.concat(fields.map(([number, value]) => field(number, value)));
}

function field(number: number, value: Value): Buffer {
  if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
  const content = typeof value === "string" ? Buffer.from(value) : message(...value);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

const vertex = (digest: string, name: string, ...more: readonly (readonly [number, Value])[]) =>
  message([1, [[1, digest], [3, name], ...more]]);
const log = (digest: string, text: string) =>
  message([
    3,
    [
      [1, digest],
      [2, [[1, 5]]],
      [3, 1],
      [4, text],
    ],
  ]);
const at = (seconds: number, nanoseconds = 0) =>
  [
    [1, seconds],
    [2, nanoseconds],
  ] as const;

describe("BuildKit's progress", () => {
  const linesOf = (...messages: readonly Buffer[]) => {
    const said: string[] = [];
    const lines = new BuildkitLines((line) => said.push(line));
    for (const each of messages) lines.take(each);
    return { said, failed: lines.failed };
  };

  test("becomes lines: steps when they begin, their output, and how they ended", () => {
    const { said } = linesOf(
      vertex("a", "[1/3] FROM base"),
      vertex("a", "[1/3] FROM base", [4, 1], [5, at(10)], [6, at(10)]),
      vertex("b", "[2/3] RUN npm ci", [5, at(1_795_573_447, 500_000_000)]),
      log("b", "one\ntw"),
      log("b", "o\n10%\r20%\rall\r\nlast"),
      vertex("b", "[2/3] RUN npm ci", [5, at(1_795_573_447, 500_000_000)], [6, at(1_795_573_449)]),
      vertex("c", "[internal] load metadata", [5, at(1)], [6, at(2)]),
    );
    expect(said).toEqual([
      "#1 [1/3] FROM base",
      "#1 CACHED",
      "#2 [2/3] RUN npm ci",
      "#2 one",
      "#2 two",
      "#2 all",
      "#2 last",
      "#2 done in 1.5 s",
    ]);
  });

  test("tells which step failed first, with the lines it had written", () => {
    const { said, failed } = linesOf(
      vertex("a", "[web 2/2] RUN false", [5, at(1)]),
      log("a", "why"),
      vertex("a", "[web 2/2] RUN false", [5, at(1)], [6, at(2)], [7, "executor failed: exit code: 1"]),
      vertex("b", "[3/3] RUN true", [5, at(1)], [6, at(2)], [7, "context canceled"]),
    );
    expect(failed).toEqual({ name: "RUN false", error: "executor failed: exit code: 1" });
    expect(said.slice(0, 3)).toEqual(["#1 [web 2/2] RUN false", "#1 why", "#1 failed: executor failed: exit code: 1"]);
  });

  test("cut off or senseless is read as far as it can be", () => {
    const whole = Buffer.concat([vertex("a", "name", [5, at(1)]), log("a", "text\n")]);
    for (let end = 0; end <= whole.length; end += 1) expect(() => linesOf(whole.subarray(0, end))).not.toThrow();
    let seed = 7;
    for (let round = 0; round < 2_000; round += 1) {
      const noise = Buffer.alloc(40);
      for (let i = 0; i < noise.length; i += 1) {
        seed = (seed * 16_807) % 2_147_483_647;
        noise[i] = seed & 0xff;
      }
      expect(() => linesOf(noise)).not.toThrow();
    }
    expect([...fieldsOf(Buffer.from([0x0d, 1, 2, 3, 4, 0x08, 7]))]).toEqual([
      { number: 1, value: Buffer.from([1, 2, 3, 4]) },
      { number: 1, value: 7 },
    ]);
  });
});

test("the classic builder's texts become lines without paint, and the step under way is known", () => {
  const said: string[] = [];
  const lines = new ClassicLines((line) => said.push(line));
  for (const text of ["Step 1/2 : FROM a", "\n", "\u001b[91merr\n\u001b[0m", "Step 2/2 : RUN b\n", "par", "t"])
    lines.take(text);
  lines.end();
  expect(said).toEqual(["Step 1/2 : FROM a", "err", "Step 2/2 : RUN b", "part"]);
  expect(lines.step).toBe("RUN b");
});

test("what buildx prints is handed on, and the step that failed is known", () => {
  const said: string[] = [];
  const lines = new PlainLines((line) => said.push(line));
  const printed = [
    "#5 [2/2] RUN exit 3",
    "#5 0.113 text",
    "",
    '#5 ERROR: process "/bin/sh" failed: exit code: 3',
    "#6 x",
  ];
  for (const line of printed) lines.take(line);
  expect(said).toEqual(printed.filter((line) => line !== ""));
  expect(lines.failed).toEqual({ name: "RUN exit 3", error: 'process "/bin/sh" failed: exit code: 3' });
});

test.each([
  ["executor failed running [/bin/sh -c exit code: 7]: exit code: 3", 3],
  ['process "/bin/sh -c x" did not complete successfully: exit code: 137', 137],
  ["echo exit code: 4 was said", null],
  ["", null],
])("the exit code at the end of %j is %j", (sentence, code) => {
  expect(exitCodeIn(sentence)).toBe(code);
});
