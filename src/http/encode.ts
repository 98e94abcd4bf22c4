import { releaseName } from "../model/release.ts";

/** RFC 3339 in UTC. */
export function timeText(at: number): string {
  return new Date(at).toISOString();
}

export function timeOrNull(at: number | null): string | null {
  return at === null ? null : timeText(at);
}

export function releaseOrNull(number: number | null | undefined): string | null {
  return number === null || number === undefined ? null : releaseName(number);
}
