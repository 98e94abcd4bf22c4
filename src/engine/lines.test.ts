import { describe, expect, test } from "vitest";
import { createRedactor, noRedactor, type Redactor } from "../base/redact.ts";
import { Secret } from "../base/secret.ts";
import fc from "../testing/properties.ts";
import { createLineSplitter, levelOf, lineLimit } from "./lines.ts";

function splitAll(
  bytes: Uint8Array,
  sizes: readonly number[],
  redactor: Redactor = noRedactor,
): { lines: string[]; consumed: number[] } {
  const splitter = createLineSplitter(redactor);
  const lines: string[] = [];
  const consumed: number[] = [];
  const scratch = new Uint8Array(bytes.length);
  for (let from = 0, i = 0; from < bytes.length; i += 1) {
    const size = Math.max(1, sizes[i % Math.max(1, sizes.length)] ?? 1);
    const piece = scratch.subarray(0, Math.min(size, bytes.length - from)); // used again, as a reader's buffer is
    piece.set(bytes.subarray(from, from + piece.length));
    lines.push(...splitter.push(piece));
    consumed.push(splitter.consumed);
    from += piece.length;
  }
  lines.push(...splitter.end());
  consumed.push(splitter.consumed);
  return { lines, consumed };
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const linesOf = (text: string) => splitAll(bytesOf(text), [1 << 20]).lines;

const spellings: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => Buffer.from(secret).toString("base64"),
  (secret) => encodeURIComponent(secret),
  (secret) => JSON.stringify(secret).slice(1, -1),
];
/** Without brackets, of which the marks are made; long enough not to be in the noise by chance. */
const secrets = fc.string({ minLength: 16, maxLength: 60, unit: "grapheme-ascii" }).filter((text) => {
  return text.trim() === text && !/[[\]]/.test(text);
});

describe("what is hidden", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
  const noise = fc.string({ maxLength: 30, unit: "grapheme" });

  test("is hidden in any chunking of a stream, and every chunking gives the same lines", () => {
    const written = fc.array(fc.tuple(noise, fc.nat(3)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(secrets, written, sizes, (secret, parts, cuts) => {
        const redactor = createRedactor([{ name: "K", value: new Secret(secret) }]);
        const spelt = parts.map(([before, how]) => `${before}${spellings[how]?.(secret)}`);
        const bytes = bytesOf(spelt.join("\n"));
        const { lines } = splitAll(bytes, cuts, redactor);
        expect(lines).toEqual(splitAll(bytes, [bytes.length], redactor).lines);
        for (const spelling of spellings) expect(lines.join("\n")).not.toContain(spelling(secret));
      }),
    );
  });

  test("is hidden where a long line is cut, wherever the secret lies", () => {
    const secret = "hunter2-hunter2-hunter2";
    const redactor = createRedactor([{ name: "K", value: new Secret(secret) }]);
    fc.assert(
      fc.property(
        fc.integer({ min: lineLimit - 60, max: lineLimit + 60 }),
        fc.integer({ min: 1, max: 5_000 }),
        (at, size) => {
          const bytes = bytesOf(`${"x".repeat(at)}${secret}${"y".repeat(lineLimit)}\n`);
          const all = splitAll(bytes, [size], redactor).lines.join("");
          expect(all).toContain("[secret K]");
          expect(all.replace("[secret K]", "")).toMatch(/^x+y+$/);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("the line splitter", () => {
  test("takes off line ends of both kinds and keeps empty lines", () => {
    expect(linesOf("a\n\nb\r\nc")).toEqual(["a", "", "b", "c"]);
    expect(linesOf("a\n")).toEqual(["a"]);
    expect(linesOf("")).toEqual([]);
  });

  test("keeps a CR inside a line", () => expect(linesOf("10%\r20%\r\n")).toEqual(["10%\r20%"]));

  test("replaces NUL and invalid bytes", () => {
    const bytes = new Uint8Array([0x61, 0, 0xff, 0x62, 0x0a]);
    expect(splitAll(bytes, [10]).lines).toEqual(["a\ufffd\ufffdb"]);
  });

  test("gives the line at the end that lacks its newline only at the end", () => {
    const splitter = createLineSplitter();
    expect(splitter.push(bytesOf("one\ntw"))).toEqual(["one"]);
    expect(splitter.consumed).toBe(4);
    expect(splitter.end()).toEqual(["tw"]);
    expect(splitter.consumed).toBe(6);
    expect(splitter.end()).toEqual([]);
  });

  test("leaves a line of exactly the limit whole, also with CRLF", () => {
    const line = "x".repeat(lineLimit);
    expect(linesOf(`${line}\n`)).toEqual([line]);
    expect(linesOf(`${line}\r\n`)).toEqual([line]);
    expect(splitAll(bytesOf(`${line}\r\n`), [lineLimit + 1, 1]).lines).toEqual([line]);
    expect(linesOf(`${line}y\n`)).toEqual([line, "y"]);
  });

  test("cuts a long line between characters", () => {
    const lines = linesOf(`${"é€😀".repeat(9_000)}\n`);
    expect(lines.join("")).toBe("é€😀".repeat(9_000));
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(lineLimit);
    expect(lines.slice(0, -1).every((line) => Buffer.byteLength(line) > lineLimit - 4)).toBe(true);
  });

  test("does not keep an endless line in memory", () => {
    const splitter = createLineSplitter();
    const block = new Uint8Array(64 * 1024).fill(0x78);
    for (let i = 1; i <= 50; i += 1) {
      splitter.push(block);
      expect(i * block.length - splitter.consumed).toBeLessThanOrEqual(lineLimit + 1);
    }
  });

  const piece = fc.oneof(
    fc.constantFrom("\n", "\r\n", "\r", "\0", "é", "€", "😀", "word ").map(bytesOf),
    fc.uint8Array({ maxLength: 6 }),
    fc.integer({ min: lineLimit - 3, max: lineLimit + 3 }).map((length) => bytesOf("y".repeat(length))),
    fc.constant(bytesOf("😀".repeat(5_000))),
  );
  const stream = fc.array(piece, { maxLength: 30 }).map((parts) => new Uint8Array(Buffer.concat(parts)));
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40_000 })), {
    minLength: 1,
    maxLength: 6,
  });

  test("gives the same lines however the bytes are cut", () => {
    fc.assert(
      fc.property(stream, sizes, (bytes, cuts) => {
        const whole = splitAll(bytes, [bytes.length + 1]);
        const cut = splitAll(bytes, cuts);
        expect(cut.lines).toEqual(whole.lines);
        expect(cut.consumed.at(-1)).toBe(bytes.length);
      }),
      { numRuns: 60 },
    );
  });

  test("reading again from what was consumed loses and doubles nothing", () => {
    fc.assert(
      fc.property(stream, sizes, fc.double({ min: 0, max: 1, noNaN: true }), (bytes, cuts, where) => {
        const stop = Math.floor(bytes.length * where);
        const first = createLineSplitter();
        const lines = first.push(bytes.subarray(0, stop));
        lines.push(...splitAll(bytes.subarray(first.consumed), cuts).lines);
        expect(lines).toEqual(splitAll(bytes, [bytes.length + 1]).lines);
      }),
      { numRuns: 60 },
    );
  });
});

describe("the level of a line", () => {
  test.each([
    ['{"level":30,"time":1,"msg":"up"}', "info"],
    ['{"level":55,"msg":"bunyan between"}', "error"],
    ['{"severity":"WARNING","message":"x"}', "warn"],
    ['{"ts":1,"lvl":"dbug"}', null],
    ['{"msg":"x","lvl":"debug"}', "debug"],
    ['{"levelname": "CRITICAL"}', "fatal"],
    ['{"log.level":"error"}', "error"],
    ['{"user":{"level":50},"msg":"nested is not ours"}', null],
    ['{"level":7}', null],
    ['{"level":"constructor"}', null],
    ['{"level":"error","msg":"cut off', null],
    ["[2026-01-01 00:00:00] [error] failed", "error"],
    ["2026/01/01 00:00:00 [warn] 12#0: nginx", "warn"],
    ["[Thu Jan 01 00:00:00 2026] [core:error] [pid 1] apache", "error"],
    ["ts=2026-01-01 level=warn msg=slow", "warn"],
    ["WARN: low on space", "warn"],
    ["ERROR:root:it broke", "error"],
    ["INFO:     127.0.0.1:5000 - uvicorn", "info"],
    ["2026-01-01 12:00:00,123 DEBUG app.views: hello", "debug"],
    ["2026-01-01 12:00:00.123  INFO 1 --- [main] c.e.App : spring", "info"],
    ["[2026-01-01 12:00:00,000: WARNING/MainProcess] celery", "warn"],
    ["E, [2026-01-01T00:00:00 #1] ERROR -- : ruby", "error"],
    ["2026-01-01 00:00:00.000 UTC [12] FATAL:  postgres", "fatal"],
    ["2026-01-01T00:00:00Z ERR zerolog failed", "error"],
    ["\u001b[32minfo\u001b[39m: winston", "info"],
    ["2026-01-01T00:00:00.000Z warn: winston", "warn"],
    ["<11>Jan 1 00:00:00 host app: syslog", "error"],
    ["<14>1 2026-01-01T00:00:00Z host app", "info"],
    ["W0101 00:00:00.000000 1 klog.go:1] slow", "warn"],
    // The formats that the usual programs come with: python, gunicorn, uvicorn, celery, winston, pino, rails and databases
    ["2026-01-01 12:00:00,123 - root - ERROR - it broke", "error"],
    ["2026-01-01 12:00:00,123 app.views ERROR it broke", "error"],
    ["CRITICAL:app:it broke", "fatal"],
    ["[2026-01-01 12:00:00 +0000] [7] [ERROR] Exception in worker process", "error"],
    ["[2026-01-01 12:00:00 +0000] [7] [INFO] Booting worker with pid: 7", "info"],
    ["ERROR:    Exception in ASGI application", "error"],
    ["[2026-01-01 12:00:00,000: ERROR/ForkPoolWorker-1] Task app.tasks.capture raised", "error"],
    ["2026-01-01T00:00:00.000Z [shop front] error: winston", "error"],
    ["[12:00:00.123] ERROR (7): pino-pretty", "error"],
    ["[12:00:00.123] INFO (shop/7 on host): pino-pretty", "info"],
    ["F, [2026-01-01T00:00:00.000000 #1] FATAL -- : rails", "fatal"],
    ["2026-01-01 00:00:00.000 UTC [12] app@shop ERROR:  relation does not exist", "error"],
    ["2026-01-01 00:00:00.000 UTC [12] LOG:  database system is ready", "info"],
    ["2026-01-01 00:00:00.000 UTC [12] STATEMENT:  SELECT 'ERROR' FROM logs", null],
    ["1:M 01 Jan 2026 00:00:00.000 * Ready to accept connections", "info"],
    ["1:M 01 Jan 2026 00:00:00.000 # WARNING Memory overcommit must be enabled", "warn"],
    ["1:C 01 Jan 2026 00:00:00.000 * Saved after ERROR", "info"],
    ["2026/01/01 00:00:00 [error] 12#0: *1 connect() failed (111: Connection refused)", "error"],
    ['10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /?q= ERROR HTTP/1.1" 200 5', null],
    ["12:00:00.123 [http-nio-8080-exec-1] ERROR c.e.App -- it broke", "error"],
    ["Jan  1 00:00:00 host app[12]: ERROR it broke", "error"],
    ["2026-01-01T00:00:00.000Z\terror\tmain.go:12\tzap", "error"],
    ["web-1  | ERROR it broke", "error"],
    ["npm ERR! code ELIFECYCLE", "error"],
    [" ⨯ Error: next", "error"],
    // A level that is spoken of
    ["user typed ERROR into the form", null],
    ["the job ended with status ERROR", null],
    ["2026-01-01T00:00:00Z the job ended with status ERROR", null],
    ["2026-01-01 12:00:00,123 INFO app: the answer was ERROR", "info"],
    ["retrying after [ERROR] from upstream", null],
    ["GET /logs?level=error 200", null],
    ['{"msg":"answered ERROR, tried again"}', null],
    ["HTTP ERROR 500", null],
    ["Listening on 8000", null],
    ["no error was found in the log", null],
    ["GET /errors?level=9 200", null],
    ["", null],
  ])("%s → %s", (line, level) => expect(levelOf(line)).toBe(level));

  test("is looked for near the beginning only", () => {
    expect(levelOf(`${"a ".repeat(200)} ERROR`)).toBeNull();
  });
});
