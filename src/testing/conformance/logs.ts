import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EnvKey } from "../../model/environment.ts";
import { type LogFilter, type LogLine, levels, type StoredLine } from "../../model/log.ts";
import type { LogStore } from "../../ports/logs.ts";
import fc from "../properties.ts";

/**
 * A log store under test. `crash` goes on with what a killed process leaves; `settle` first lets the time pass that lines
 * may wait in memory (a second by the contract).
 */
export interface LogStoreUnderTest {
  readonly store: LogStore;
  crash(): Promise<LogStore>;
  settle(): Promise<void>;
  dispose(): Promise<void>;
}

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };
const origin = { name: "web-0", stream: "stdout" } as const;

export function aLine(message: string, more: Partial<LogLine> = {}): LogLine {
  return { at: 1_000, service: "web", instance: "web-0", release: 1, stream: "stdout", level: null, message, ...more };
}

function numbered(count: number, more: (i: number) => Partial<LogLine> = () => ({})): LogLine[] {
  return Array.from({ length: count }, (_, i) => aLine(`line ${i + 1}`, { at: 1_000 + i, ...more(i) }));
}

const messages = (lines: readonly StoredLine[]) => lines.map((line) => line.message);

/** What every LogStore promises (ports/logs.ts). */
export function logsConformance(name: string, make: () => Promise<LogStoreUnderTest>): void {
  describe(`log store contract: ${name}`, () => {
    let place: LogStoreUnderTest;
    let store: LogStore;
    beforeEach(async () => {
      place = await make();
      store = place.store;
    });
    afterEach(() => place.dispose());

    readingCases(() => store);
    filterCases(() => store);

    test("lines and position are stored together: a crash loses and doubles nothing", async () => {
      const all = numbered(1_000);
      for (let from = 0; from < 500; from += 50)
        await store.append({ key, origin, lines: all.slice(from, from + 50), offset: from + 50 });
      store = await place.crash();
      const kept = await store.position(origin);
      expect(messages((await store.tail({ key }, 2_000)).lines)).toEqual(messages(stored(all.slice(0, kept))));
      await store.append({ key, origin, lines: all.slice(kept), offset: 1_000 }); // the engine reads again from the position
      await place.settle();
      store = await place.crash();
      expect(await store.position(origin)).toBe(1_000);
      expect(messages((await store.tail({ key }, 2_000)).lines)).toEqual(messages(stored(all)));
    });

    test("sequences go on rising after a crash, also when all lines were deleted", async () => {
      await store.append({ key, origin, lines: numbered(3), offset: 3 });
      await place.settle();
      await store.cap(0);
      store = await place.crash();
      await store.append({ key, origin, lines: numbered(1), offset: 4 });
      expect((await store.read({ key }, { after: 0, limit: 10 })).lines.map((line) => line.sequence)).toEqual([4]);
    });

    test("any appends, reads and crashes agree with a plain list", () => propertyCase(make));
  });
}

function stored(lines: readonly LogLine[]): StoredLine[] {
  return lines.map((line, index) => ({ ...line, sequence: index + 1 }));
}

function readingCases(now: () => LogStore): void {
  test("gives lines back as they were, at once, with rising sequences", async () => {
    const odd = ["", "é😀", "a\nb", "\0", "\ud800", "x".repeat(20_000)].map((message) => aLine(message));
    const lines = [...odd, aLine("e", { level: "error", stream: "stderr", release: 7, at: 5, instance: "web-1" })];
    await now().append({ key, origin, lines, offset: 10 });
    const expected = stored(lines).map((line) => ({ ...line, message: line.message.replace("\ud800", "\ufffd") }));
    const found = (await now().tail({ key }, 100)).lines;
    expect(found.map((line) => ({ ...line, message: line.message.replace("\ud800", "\ufffd") }))).toEqual(expected);
  });

  test("tail gives the last lines, oldest first; read goes on where it stopped", async () => {
    const lines = numbered(950, (i) => ({ service: i % 3 === 0 ? "worker" : "web", at: 5_000 - i }));
    for (let from = 0; from < lines.length; from += 70) {
      await now().append({ key, origin, lines: lines.slice(from, from + 70), offset: from });
    }
    expect((await now().tail({ key }, 300)).lines).toEqual(stored(lines).slice(-300));
    const seen: StoredLine[] = [];
    for (let after = 0; ; ) {
      const { lines: page, next } = await now().read({ key }, { after, limit: 133 });
      if (page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(133);
      seen.push(...page);
      after = next;
    }
    expect(seen).toEqual(stored(lines));
    expect((await now().read({ key }, { after: 417, limit: 2 })).lines.map((line) => line.sequence)).toEqual([
      418, 419,
    ]);
  });

  test("read goes past lines that do not match, and finds later ones", async () => {
    await now().append({ key, origin, lines: numbered(10), offset: 10 });
    const nothing = await now().read({ key, grep: "no such" }, { after: 3, limit: 5 });
    expect(nothing).toEqual({ lines: [], next: 10, reached: null });
    await now().append({ key, origin, lines: [aLine("no such luck")], offset: 11 });
    expect(messages((await now().read({ key, grep: "no such" }, { after: nothing.next, limit: 5 })).lines)).toEqual([
      "no such luck",
    ]);
    expect(await now().read({ key: other }, { after: 7, limit: 5 })).toEqual({ lines: [], next: 7, reached: null });
  });

  test("environments do not see each other's lines", async () => {
    await now().append({ key, origin, lines: [aLine("ours")], offset: 1 });
    await now().append({ key: other, origin: { ...origin, name: "pr" }, lines: [aLine("theirs")], offset: 1 });
    expect((await now().tail({ key }, 9)).lines).toEqual(stored([aLine("ours")]));
    expect((await now().tail({ key: other }, 9)).lines).toEqual(stored([aLine("theirs")]));
  });

  test("positions are kept by name and stream, and forgotten by name, while the lines stay", async () => {
    expect(await now().position(origin)).toBe(0);
    await now().append({ key, origin, lines: [aLine("a")], offset: 20 });
    await now().append({ key, origin: { ...origin, stream: "stderr" }, lines: [], offset: 7 });
    await now().append({ key, origin: { ...origin, name: "web-1" }, lines: [], offset: 5 });
    expect(await now().position(origin)).toBe(20);
    expect(await now().position({ ...origin, stream: "stderr" })).toBe(7);
    await now().forget(origin.name);
    expect(await now().position(origin)).toBe(0);
    expect(await now().position({ ...origin, stream: "stderr" })).toBe(0);
    expect(await now().position({ ...origin, name: "web-1" })).toBe(5);
    expect((await now().tail({ key }, 9)).lines).toHaveLength(1);
  });

  test("listeners hear which environment has new lines, until they stop", async () => {
    const heard: EnvKey[] = [];
    const stop = now().appended((each) => heard.push(each));
    await now().append({ key, origin, lines: [aLine("a")], offset: 1 });
    await now().append({ key: other, origin, lines: [], offset: 2 });
    expect(heard).toEqual([key]);
    stop();
    await now().append({ key, origin, lines: [aLine("b")], offset: 2 });
    expect(heard).toHaveLength(1);
  });

  test("cap deletes the oldest lines of each environment above it, and only there", async () => {
    const long = (i: number) => aLine(`${i} ${Math.sin(i)} `.repeat(20), { service: i % 2 ? "web" : "worker" });
    const many = Array.from({ length: 4_000 }, (_, i) => long(i));
    await now().append({ key, origin, lines: many, offset: 1 });
    await now().append({ key: other, origin, lines: [aLine("kept")], offset: 2 });
    await now().cap(20_000);
    const left = (await now().tail({ key }, 5_000)).lines;
    expect(left.length).toBeLessThan(4_000);
    expect((await now().tail({ key: other }, 9)).lines).toHaveLength(1);
    await now().append({ key, origin, lines: [aLine("after")], offset: 3 });
    const again = (await now().tail({ key }, 5_000)).lines;
    expect(again.at(-1)).toMatchObject({ sequence: 4_001, message: "after" });
    expect(again.slice(0, -1)).toEqual(left);
    await now().cap(0, [other, { ...key, environment: "nowhere" }]);
    expect((await now().tail({ key: other }, 9)).lines).toEqual([]);
    expect((await now().tail({ key }, 5_000)).lines).toEqual(again);
    await now().cap(0);
    await now().append({ key, origin, lines: [aLine("anew")], offset: 4 });
    expect(messages((await now().tail({ key }, 5_000)).lines)).toEqual(["anew"]);
  });
}

function filterCases(now: () => LogStore): void {
  const cases: readonly [Omit<LogFilter, "key">, readonly number[]][] = [
    [{ services: ["web"] }, [1, 2, 5]],
    [{ services: ["web", "clock", "absent"] }, [1, 2, 4, 5]],
    [{ services: [] }, []],
    [{ release: 2 }, [2, 3]],
    [{ instance: "w-1" }, [3]],
    [{ level: "warn" }, [3, 4]],
    [{ level: "info" }, [1, 3, 4, 5]],
    [{ level: "trace" }, [1, 2, 3, 4, 5]],
    [{ since: 30 }, [3, 4]],
    [{ until: 20 }, [1, 2, 5]],
    [{ since: 20, until: 30 }, [2, 3]],
    [{ grep: "one" }, [1]],
    [{ grep: "t(wo|hree)$" }, [2, 3]],
    [{ grep: "(?i)FOUR" }, [4]],
    [{ services: ["web"], grep: "o" }, [1, 2, 5]],
    [{ services: ["worker"], release: 1 }, []],
  ];
  test.each(cases)("filters by %j", async (filter, expected) => {
    const lines = [
      aLine("one", { at: 10 }),
      aLine("two", { at: 20, release: 2, level: "debug" }),
      aLine("three", { at: 30, release: 2, service: "worker", instance: "w-1", level: "error" }),
      aLine("four", { at: 40, service: "clock", level: "warn" }),
      aLine("zero again", { at: 5, level: "info" }), // the clock was put back
    ];
    for (const line of lines) await now().append({ key, origin, lines: [line], offset: 1 });
    const found = (await now().tail({ key, ...filter }, 10)).lines;
    expect(found.map((line) => line.sequence)).toEqual(expected);
    expect((await now().read({ key, ...filter }, { after: 0, limit: 10 })).lines).toEqual(found);
    expect((await now().tail({ key, ...filter }, 1)).lines.map((line) => line.sequence)).toEqual(expected.slice(-1));
  });

  test("refuses a pattern that could hang, in words", async () => {
    await now().append({ key, origin, lines: [aLine("a")], offset: 1 });
    for (const grep of ["(a)\\1", "(?=a)", "(", "a".repeat(201)]) {
      await expect(now().tail({ key, grep }, 1)).rejects.toMatchObject({ code: "request.invalid" });
      await expect(now().read({ key, grep }, { after: 0, limit: 1 })).rejects.toMatchObject({
        code: "request.invalid",
      });
    }
  });
}

const randomLine: fc.Arbitrary<LogLine> = fc.record({
  at: fc.integer({ min: 0, max: 50 }),
  service: fc.constantFrom("web", "worker"),
  instance: fc.constantFrom("a", "b", "c"),
  release: fc.integer({ min: 1, max: 3 }),
  stream: fc.constantFrom("stdout", "stderr"),
  level: fc.constantFrom(null, ...levels),
  message: fc.oneof(fc.string({ unit: "grapheme", maxLength: 12 }), fc.constantFrom("needle", "hay")),
});
const randomFilter = fc.record(
  {
    services: fc.constantFrom(["web"], ["worker", "web"]),
    instance: fc.constantFrom("a", "b"),
    release: fc.integer({ min: 1, max: 3 }),
    level: fc.constantFrom(...levels),
    since: fc.integer({ min: 0, max: 50 }),
    until: fc.integer({ min: 0, max: 50 }),
    grep: fc.constantFrom("needle", "h.y"),
  },
  { requiredKeys: [] },
);
const randomStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ lines: fc.array(randomLine, { maxLength: 5 }), times: fc.constantFrom(1, 1, 90) }),
  },
  { weight: 3, arbitrary: fc.record({ filter: randomFilter, limit: fc.integer({ min: 1, max: 250 }) }) },
  { weight: 1, arbitrary: fc.constant("crash" as const) },
);

function keeps(filter: Partial<LogFilter>, line: StoredLine): boolean {
  const text = filter.grep === undefined || new RegExp(filter.grep).test(line.message);
  const service = filter.services?.includes(line.service) ?? true;
  const who = (filter.instance ?? line.instance) === line.instance && (filter.release ?? line.release) === line.release;
  const level = levels.indexOf(line.level ?? "info") >= levels.indexOf(filter.level ?? "trace");
  return text && service && who && level && line.at >= (filter.since ?? 0) && line.at <= (filter.until ?? 99);
}

async function propertyCase(make: () => Promise<LogStoreUnderTest>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(randomStep, { maxLength: 15 }), async (steps) => {
      const place = await make();
      let { store } = place;
      let list: StoredLine[] = [];
      try {
        for (const step of steps) {
          if (step === "crash") {
            store = await place.crash();
            list = list.slice(0, await store.position(origin)); // positions count lines here
          } else if ("lines" in step) {
            const lines = Array.from({ length: step.times }, () => step.lines).flat();
            list.push(...lines.map((line, i) => ({ ...line, sequence: list.length + i + 1 })));
            await store.append({ key, origin, lines, offset: list.length });
          } else {
            const { filter, limit } = step;
            const expected = list.filter((line) => keeps(filter, line));
            const after = Math.floor(list.length / 2);
            expect((await store.tail({ key, ...filter }, limit)).lines).toEqual(expected.slice(-limit));
            const rest = expected.filter((line) => line.sequence > after).slice(0, limit);
            expect((await store.read({ key, ...filter }, { after, limit })).lines).toEqual(rest);
          }
        }
        expect((await store.tail({ key }, 10_000)).lines).toEqual(list);
      } finally {
        await place.dispose();
      }
    }),
    { numRuns: 40 },
  );
}
