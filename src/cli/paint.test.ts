import { describe, expect, test } from "vitest";
import releases from "./commands/releases/list.ts";
import { logLine, moment } from "./logs.ts";
import { shortName } from "./names.ts";
import { displayWidth, harmless, paintFor, table } from "./paint.ts";

const plain = paintFor(false);
const coloured = paintFor(true);

describe("tables", () => {
  test("line up whatever the characters are, and have no spaces at the end", () => {
    const text = table(
      ["NAME", "NOTE"],
      [
        ["web", "ok"],
        ["日本", ""],
        ["é🎣", "x"],
        [coloured.red("bad"), "y"],
      ],
      plain,
    );
    expect(text).toBe("NAME  NOTE\nweb   ok\n日本\né🎣   x\n\x1b[31mbad\x1b[39m   y");
  });

  test.each([
    ["abc", 3],
    ["日本", 4],
    ["e\u0301", 1],
    ["👨‍👩‍👧", 2],
    ["❤️", 2],
    ["\x1b[1mx\x1b[22m", 1],
    ["한국", 4],
    ["", 0],
  ])("the width of %j is %i", (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe("texts of somebody else", () => {
  test("cannot drive the terminal; colours stay only where they are wanted", () => {
    const hostile = "\x1b]0;title\x07a\x1b[31mred\x1b[0m\x1b[2Jb\r\x08\x9bc\td";
    expect(harmless(hostile, coloured)).toBe("]0;titlea\x1b[31mred\x1b[0m[2Jbc\td");
    expect(harmless(hostile, plain)).toBe("]0;titleared[2Jbc\td");
    expect(harmless("\x1b[31;8mhidden\x1b[38;5;8mgrey\u202e", coloured)).toBe("hidden\x1b[38;5;8mgrey");
  });

  test("are one row of a table, whatever they hold", () => {
    const rows = [["v1", "ok\nv2  live  admin\r\nv3\u2028v4\u0085v5"]];
    expect(table(["RELEASE", "MESSAGE"], rows, plain).split(/[\n\r\u2028\u0085]/)).toHaveLength(2);
  });
});

test("a message forges no row of releases", () => {
  const message = "fix\nv9       serving     2026-01-01 00:00:00  admin  forged\u2028\u202ev8";
  const release = {
    release: "v1",
    serving: true,
    wasLive: true,
    createdAt: "2026-01-01T00:00:00.000Z",
    createdBy: "local",
  };
  const items = [
    {
      ...release,
      message,
      source: null,
      branch: "main",
      commit: { id: "a1b2c3d4e5", dirty: true },
      allowed: [],
      services: [],
    },
  ];
  const rows = (releases.view?.({ items } as never, plain) ?? "").split(/[\n\u2028]/);
  expect(rows).toHaveLength(2);
  expect(rows[1]?.split(/ {2,}/)).toEqual([
    "v1",
    "serving",
    "2026-01-01 00:00:00",
    "local",
    "main a1b2c3d-dirty",
    "fix v9 serving 2026-01-01 00:00:00 admin forged v8",
  ]);
});

describe("log lines", () => {
  const key = { app: "shop", environment: "production" };
  const line = {
    time: "2026-01-01T00:00:00.000Z",
    service: "web",
    instance: "fl-shop-production-web-v2-1-1m7y2sbcrcx42645-0",
    release: "v2",
    stream: "stdout" as const,
    level: "error" as const,
    message: "boom",
    sequence: 7,
  };
  const how = { key, json: false, timestamps: false, prefix: true, colour: false };

  test("have the instance's short name and, when asked for, the time in front", () => {
    expect(logLine(line, how)).toBe("web-v2-1 | boom");
    expect(logLine(line, { ...how, prefix: false })).toBe("boom");
    expect(logLine(line, { ...how, timestamps: true })).toBe("2026-01-01T00:00:00.000Z web-v2-1 | boom");
  });

  test("are one JSON object without the place in the log", () => {
    const { sequence: _place, ...view } = line;
    expect(JSON.parse(logLine(line, { ...how, json: true }))).toEqual(view);
  });

  test("names of another form stay as they are", () => {
    expect(shortName("web.1", key)).toBe("web.1");
    expect(shortName("fl-shop-production-task-xyz", key)).toBe("task-xyz");
    expect(shortName("fl-shop-production-my-v2-app-v12-0-g-1", key)).toBe("my-v2-app-v12-0");
  });

  test("times are durations before now or RFC 3339", () => {
    const now = Date.parse("2026-01-02T00:00:00.000Z");
    expect(moment("--since", "1h30m", now)).toBe("2026-01-01T22:30:00.000Z");
    expect(moment("--since", "2026-01-01T10:00:00+02:00", now)).toBe("2026-01-01T08:00:00.000Z");
    expect(moment("--since", "2026-01-01", now)).toBe("2026-01-01T00:00:00.000Z");
    for (const bad of ["yesterday", "1", "2026-13-40", ""]) {
      expect(() => moment("--until", bad, now)).toThrow("--until must be a duration like 1h or a time like");
    }
  });
});
