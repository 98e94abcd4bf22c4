import { joinInto, Matcher, type Pattern, type Span } from "./matcher.ts";
import type { Secret } from "./secret.ts";
import { formsOf } from "./secret-forms.ts";
import { TornFinder, type TornRun } from "./torn.ts";

export interface NamedSecret {
  /** Name of the variable; printed in place of the value. */
  readonly name: string;
  readonly value: Secret;
}

/**
 * Puts `[secret NAME]` in place of every form (secret-forms.ts) of every secret. Overlapping forms become one mark,
 * named after the longest of those that begin first. Text without secrets is not changed, and a second run changes
 * nothing, unless a secret itself contains square brackets. It works on bytes: UTF-8 is never cut inside a character,
 * and bytes that are no UTF-8 do not change.
 */
export interface Redactor {
  text(text: string): string;
  /** Returns the same buffer if there is nothing to hide. */
  bytes(bytes: Buffer): Buffer;
  /** Length of the longest form in bytes; 0 if there is nothing to hide. */
  readonly longest: number;
  /** The last position at or before `at`, or else the first after it, where cutting `bytes` splits no form. */
  cut(bytes: Buffer, at: number): number;
}

/** For use without secrets: costs nothing. */
export const noRedactor: Redactor = {
  text: (text) => text,
  bytes: (bytes) => bytes,
  longest: 0,
  cut: (_, at) => at,
};

/** Used when it is unknown what must be hidden: only shows that there was a line. */
export const blindRedactor: Redactor = {
  ...noRedactor,
  text: (text) => text.replace(/[^\n]+/g, "[secret]"),
  bytes: (bytes) => Buffer.from(blindRedactor.text(bytes.toString())),
};

/** Values shorter than six characters are not searched for. */
export function createRedactor(secrets: readonly NamedSecret[]): Redactor {
  const { patterns, runs } = lookedFor(secrets);
  if (patterns.length === 0) return noRedactor;
  const matcher = new Matcher(patterns);
  const torn = new TornFinder(runs);
  const bytes = (input: Buffer) => {
    const spans = inOrder(matcher.find(input), torn.find(input));
    return spans.length > 0 ? without(input, spans) : input;
  };
  return {
    text(text) {
      const input = Buffer.from(text);
      const output = bytes(input);
      return output === input ? text : output.toString();
    },
    bytes,
    longest: matcher.longest,
    cut(input, at) {
      const spans = matcher.find(input.subarray(0, at + matcher.longest));
      const span = spans.find(({ start, end }) => start < at && at < end);
      if (!span) return at;
      return span.start > 0 ? span.start : span.end;
    },
  };
}

/** Longest patterns first: of those that begin at the same place the longest counts. */
function lookedFor(secrets: readonly NamedSecret[]): { patterns: readonly Pattern[]; runs: readonly TornRun[] } {
  const byForm = new Map<string, Pattern>();
  const runs: TornRun[] = [];
  const marks = new Set(["[secret]"]);
  for (const { name, value } of [...secrets].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const mark = Buffer.from(`[secret ${name}]`);
    marks.add(`[secret ${name}]`);
    const found = formsOf(value.reveal());
    for (const bytes of found.forms) {
      const form = bytes.toString("latin1");
      if (!byForm.has(form)) byForm.set(form, { bytes, mark });
    }
    runs.push(...found.runs.map((run) => ({ ...run, mark })));
  }
  // A mark that holds a secret by chance (`secret`, for one) is itself a form, replaced by itself: it stays whole.
  const forms = [...byForm.keys()];
  for (const mark of marks) {
    const own = Buffer.from(mark);
    const form = own.toString("latin1");
    if (forms.some((one) => form.includes(one))) byForm.set(form, byForm.get(form) ?? { bytes: own, mark: own });
  }
  return { patterns: [...byForm.values()].sort((a, b) => b.bytes.length - a.bytes.length), runs };
}

function inOrder(whole: readonly Span[], torn: readonly Span[]): readonly Span[] {
  if (torn.length === 0) return whole;
  const spans: Span[] = [];
  for (const span of [...whole, ...torn].sort((a, b) => a.start - b.start || b.end - a.end)) joinInto(spans, span);
  return spans;
}

/** `bytes` with marks in place of the spans. */
function without(bytes: Buffer, spans: readonly Span[]): Buffer {
  const pieces: Buffer[] = [];
  let done = 0;
  for (const { start, end, mark } of spans) {
    pieces.push(bytes.subarray(done, start), mark);
    done = end;
  }
  pieces.push(bytes.subarray(done));
  return Buffer.concat(pieces);
}
