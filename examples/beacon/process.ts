import { readFileSync } from "node:fs";

/** What BEACON_FAULT may be; README.md says what each one does. */
export const fault = process.env.BEACON_FAULT ?? "";
export const version = process.env.BEACON_VERSION || readFileSync(`${import.meta.dirname}/VERSION`, "utf8").trim();
export const instance = process.env.FAIRLEAD_INSTANCE || `pid-${process.pid}`;

/** One line of JSON on stdout, as most loggers write it. */
export function logJson(level: string, message: string, more: Record<string, unknown> = {}): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, instance, ...more })}\n`);
}

/** One line of plain text: warnings and errors on stderr, as older code writes it. */
export function logText(level: "INFO" | "WARN" | "ERROR", message: string): void {
  (level === "INFO" ? process.stdout : process.stderr).write(`${level} beacon: ${message}\n`);
}

/** Runs `stop` once on SIGTERM or SIGINT; a process with the fault `ignore-sigterm` goes on as if nothing had happened. */
export function onStop(stop: () => void): void {
  let stopping = false;
  const once = (signal: string): void => {
    if (fault === "ignore-sigterm") return logText("WARN", `${signal} ignored`);
    if (stopping) return;
    stopping = true;
    stop();
  };
  process.on("SIGTERM", once).on("SIGINT", once);
}
