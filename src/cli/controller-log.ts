import { harmless, type Paint } from "./paint.ts";

/** The levels of pino (docs of pino 10, "level mapping"). */
const levels: Readonly<Record<number, "debug" | "info" | "warn" | "error" | "fatal">> = {
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};

/** One line of the controller's own JSON log for people: `04:25:40 info  request method=POST status=202`. Never throws. */
export function humanLine(line: string, paint: Paint): string {
  const entry = parsed(line);
  if (entry === null) return harmless(line.trimEnd(), paint);
  const { level, time, msg, requestId: _id, ...rest } = entry;
  const word = levels[Number(level)] ?? "info";
  const colour = word === "warn" ? paint.yellow : word === "error" || word === "fatal" ? paint.red : paint.dim;
  const clock = new Date(String(time));
  const at = Number.isNaN(clock.getTime()) ? "" : `${clock.toTimeString().slice(0, 8)} `;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${detail(value)}`);
  return `${paint.dim(at)}${colour(word.padEnd(5))} ${harmless([String(msg ?? ""), ...details].join(" "), paint)}`;
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}

/** An error is shown as its message and origin; everything else as in JSON, texts without quotes. */
function detail(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "stack" in value) return String(value.stack);
  return JSON.stringify(value);
}
