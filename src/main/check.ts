import type { CheckView } from "../contract/controller.ts";

export function ok(name: string, detail: string): CheckView {
  return { name, state: "ok", detail, fix: null };
}

/** A warning although it works, and the fix. */
export interface Concern {
  readonly what: string;
  readonly fix: string;
}

/** Works, but will cause trouble. */
export function warn(name: string, detail: string, fix: string): CheckView {
  return { name, state: "warn", detail, fix };
}

/** A function of Fairlead does not work. */
export function fail(name: string, detail: string, fix: string): CheckView {
  return { name, state: "fail", detail, fix };
}
