import { noRedactor, type Redactor } from "../base/redact.ts";
import type { Level } from "../model/log.ts";

/** Longest line in bytes; a longer one becomes several. */
export const lineLimit = 16 * 1024;

const newline = 0x0a;
const carriageReturn = 0x0d;

export interface LineSplitter {
  /** Takes the next bytes and returns the completed lines, without line ends. */
  push(bytes: Uint8Array): string[];
  /** At the end of the stream: returns the rest without a line end. */
  end(): string[];
  /** Before a hole: returns the rest, without the zeros that fill the block before it. */
  gap(): string[];
  /** Bytes covered by the returned lines; reading again from here loses and doubles nothing. */
  readonly consumed: number;
}

/**
 * Splits the bytes of one stream into lines, however they are cut into pushes. Invalid UTF-8 and NUL become U+FFFD, one
 * CR before the line end is dropped, and a line over `lineLimit` bytes is cut between characters. What the redactor
 * hides is hidden before anything is cut.
 */
export function createLineSplitter(redactor: Redactor = noRedactor): LineSplitter {
  let carry = Buffer.alloc(0);
  let pushed = 0;
  const rest = () => {
    const lines = carry.length === 0 ? [] : longLine(redactor.bytes(carry));
    carry = Buffer.alloc(0);
    return lines;
  };

  return {
    push(bytes) {
      pushed += bytes.length;
      const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const data = carry.length === 0 ? piece : Buffer.concat([carry, piece]);
      const last = data.lastIndexOf(newline);
      const lines = last < 0 ? [] : completeLines(redactor.bytes(data.subarray(0, last)));
      // Waits for enough bytes that a secret across the cut is complete.
      const rest = cutOpen(data.subarray(last + 1), lines, redactor);
      carry = Buffer.from(rest); // a copy: the caller may use its buffer again
      return lines;
    },
    end: rest,
    gap() {
      carry = carry.subarray(0, carry.findLastIndex((byte) => byte !== 0) + 1);
      return rest();
    },
    get consumed() {
      return pushed - carry.length;
    },
  };
}

/** The lines of bytes that end just before a newline. Decoding all at once is what makes it fast. */
function completeLines(bytes: Buffer): string[] {
  const text = bytes.toString("utf8");
  const lines = text.split("\n");
  // A decoded unit stands for at most 3 bytes, so shorter lines cannot be over the limit.
  if (bytes.length > lineLimit && lines.some((line) => line.length * 3 > lineLimit)) return longLines(bytes);
  return text.includes("\r") || text.includes("\0") ? lines.map(tidy) : lines;
}

function longLines(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let from = 0; from <= bytes.length; ) {
    const found = bytes.indexOf(newline, from);
    const to = found < 0 ? bytes.length : found;
    lines.push(...longLine(bytes.subarray(from, to)));
    from = to + 1;
  }
  return lines;
}

function longLine(bytes: Buffer): string[] {
  const lines: string[] = [];
  const content = bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes;
  lines.push(decode(cutWhileLong(content, lines, lineLimit)));
  return lines;
}

/** Moves pieces of `lineLimit` bytes into `lines` until at most `most` bytes are left; returns them. */
function cutWhileLong(bytes: Buffer, lines: string[], most: number): Buffer {
  let rest = bytes;
  while (rest.length > most) {
    const cut = characterStart(rest, lineLimit);
    lines.push(decode(rest.subarray(0, cut)));
    rest = rest.subarray(cut);
  }
  return rest;
}

/** The same for an unfinished line whose bytes were not searched for secrets. */
function cutOpen(bytes: Buffer, lines: string[], redactor: Redactor): Buffer {
  let rest = bytes;
  while (rest.length > lineLimit + 1 + redactor.longest) {
    const cut = redactor.cut(rest, characterStart(rest, lineLimit));
    lines.push(decode(redactor.bytes(rest.subarray(0, cut))));
    rest = rest.subarray(cut);
  }
  return rest;
}

/** The start of the character at `at`; UTF-8 (RFC 3629) has at most three continuation bytes, 10xxxxxx. */
function characterStart(bytes: Buffer, at: number): number {
  for (let start = at; start > at - 4; start -= 1) {
    if (((bytes[start] ?? 0) & 0xc0) !== 0x80) return start;
  }
  return at;
}

function decode(bytes: Buffer): string {
  return withoutNul(bytes.toString("utf8"));
}

function tidy(line: string): string {
  return withoutNul(line.endsWith("\r") ? line.slice(0, -1) : line);
}

const nuls = /\0+/g;

function withoutNul(line: string): string {
  // By runs: some programs write megabytes of them.
  return line.includes("\0") ? line.replace(nuls, (run) => "\ufffd".repeat(run.length)) : line;
}

/** Spellings of the common loggers, lower case: syslog (RFC 5424), log4j, Python, Ruby, winston, zerolog and Serilog. */
const names: Readonly<Record<string, Level>> = {
  ...{ trace: "trace", trc: "trace", silly: "trace", verbose: "debug", debug: "debug", dbg: "debug" },
  ...{ info: "info", inf: "info", information: "info", notice: "info", log: "info" },
  ...{ warn: "warn", warning: "warn", wrn: "warn", error: "error", err: "error", severe: "error" },
  ...{ fatal: "fatal", ftl: "fatal", critical: "fatal", crit: "fatal", panic: "fatal", alert: "fatal", emerg: "fatal" },
};
const anyName = Object.keys(names)
  .sort((a, b) => b.length - a.length)
  .join("|");
/** How much of a line is checked in text formats: the level is near the beginning. */
const headLength = 160;

/** The level as the first member, where pino, winston and zap put it: that needs no parsing of the whole line. */
const firstMember = /^\{"(?:level|severity)":(?:(\d{1,3})|"(\w{1,20})")[,}]/;
const jsonHint = /"(?:level|severity|lvl|levelname|log\.level)"\s*:/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are ESC sequences (ECMA-48)
const colours = /\u001b\[[\d;]*m/g;
const nameWord = new RegExp(`\\b(?:${anyName})\\b`, "gi");
/** Severity of syslog's `<priority>`: its lowest three bits (RFC 5424 section 6.2.1). */
const syslogLevels: readonly Level[] = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"];
/** The signs of Redis and Valkey: debug, verbose, notice and warning. */
const redisLevels: Readonly<Record<string, Level>> = { ".": "debug", "-": "debug", "*": "info", "#": "warn" };
const klogLevels: Readonly<Record<string, Level>> = { I: "info", W: "warn", E: "error", F: "fatal" };

/** The level that a line itself states, in JSON or in a common text format; null when it states none. */
export function levelOf(message: string): Level | null {
  const first = message.endsWith("}") ? firstMember.exec(message) : null;
  if (first) return first[1] === undefined ? named(first[2] ?? "") : numberLevel(Number(first[1]));
  if (message.startsWith("{") && jsonHint.test(message)) {
    const level = jsonLevel(message);
    if (level !== undefined) return level;
  }
  const start = message.slice(0, headLength);
  return textLevel(start.includes("\u001b") ? start.replace(colours, "") : start);
}

/** Undefined when the line is not JSON after all, for example because it was cut. */
function jsonLevel(message: string): Level | null | undefined {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(message);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  const stated = record.level ?? record.severity ?? record.lvl ?? record.levelname ?? record["log.level"];
  if (typeof stated === "number") return numberLevel(stated);
  return typeof stated === "string" ? named(stated) : null;
}

/** The numbers of bunyan and pino: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal; what lies between rounds down. */
function numberLevel(number: number): Level | null {
  if (!(number >= 10 && number < 70)) return null;
  return (["trace", "debug", "info", "warn", "error", "fatal"] as const)[Math.floor(number / 10) - 1] ?? null;
}

function textLevel(head: string): Level | null {
  const priority = head.startsWith("<") ? /^<(\d{1,3})>/.exec(head) : null;
  if (priority) return syslogLevels[Number(priority[1]) & 7] ?? null;
  const redis = /^\d{1,7}:[XCSM] \d\d \w{3} \d{4} [\d:.]{12} ([.*#-]) /.exec(head);
  if (redis) return redisLevels[redis[1] ?? ""] ?? null;
  const klog = klogLevels[head.charAt(0)];
  if (klog && /^.\d{4} \d\d:\d\d/.test(head)) return klog;
  nameWord.lastIndex = 0; // `matchAll` would copy the expression for every line
  for (let found = nameWord.exec(head); found; found = nameWord.exec(head)) {
    const [word] = found;
    if (statesLevel(word, head.slice(0, found.index), head.slice(found.index + word.length))) return named(word);
  }
  return null;
}

/** Whether a word that could be a level is one, by its position: a message may contain `ERROR` too. */
function statesLevel(word: string, before: string, after: string): boolean {
  const last = before.at(-1) ?? " ";
  if (last === "=" || last === '"') return /(?:^|[\s,{])(?:level|lvl|severity)="?$/i.test(before); // logfmt
  // [error], [core:warn], [INFO ]
  const opening = /^\s*\]/.test(after) ? /\[(?:[\w-]+:)?\s*$/.exec(before) : null;
  if (opening) return isHead(before.slice(0, opening.index), 1);
  // `2026-01-01 12:00:00,123 INFO app`, `[12:00: WARNING/MainProcess]`, `INFO - `
  if (word === word.toUpperCase() && " \t[(|:,<".includes(last) && /^(?:$|[\s\])|:,>/!-])/.test(after)) {
    return isHead(before, time.test(before) || after.startsWith("!") ? 1 : 0); // `npm ERR!`
  }
  // `error: …`, `2026-01-01T12:00:00Z warn: …`, and zap's columns
  const isSet = /^\s*[:|]/.test(after) || (last === "\t" && after.startsWith("\t"));
  return isSet && isHead(before, 0);
}

const time = /\d\d:\d\d/;
/** A quick check for most lines: no letter, or a single separated name. */
const usual = /^[^a-z]*(?:[a-z_][\w.$@/]*\s+[-|]+\s+)?$/i;
const grouped = /\[[^\]]*\]|\([^)]*\)/g;
const calendar = /^(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec),?$/i;
const zone = /^(?:Z|UTC|GMT|[A-Z]{1,3}S?T)$/;
const loggerName = /^[\w.$@/:#-]+$/;

/**
 * Whether this is what loggers write before a level: times, numbers, groups in brackets, names set off by `:`, `-` or `|`,
 * and at most `bare` that are not.
 */
function isHead(before: string, bare: number): boolean {
  if (usual.test(before)) return true;
  const isTimed = time.test(before);
  const words = before.replace(grouped, " ").trim().split(/\s+/);
  let left = bare;
  return words.every((word, place) => {
    const isTime = /^\W?\d/.test(word) || calendar.test(word) || (isTimed && zone.test(word));
    if (isTime || !/[a-z]/i.test(word) || /^[A-Z],$/.test(word)) return true; // `E,` is Ruby's
    if (!loggerName.test(word)) return false;
    if (/^[a-z_].*:$/.test(word) || /^[-|:]+$/.test(words[place + 1] ?? "")) return true;
    left -= 1;
    return left >= 0;
  });
}

function named(name: string): Level | null {
  const lower = name.toLowerCase();
  return Object.hasOwn(names, lower) ? (names[lower] ?? null) : null;
}
