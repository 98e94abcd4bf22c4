import type { CheckView } from "../contract/controller.ts";

export function ok(name: string, detail: string): CheckView {
  return { name, state: "ok", detail, fix: null };
}

/** Something that people should know although it works, and what to do. */
export interface Concern {
  readonly what: string;
  readonly fix: string;
}

/** Works, and will hurt one day. */
export function warn(name: string, detail: string, fix: string): CheckView {
  return { name, state: "warn", detail, fix };
}

/** Something that Fairlead is for does not work like this. */
export function fail(name: string, detail: string, fix: string): CheckView {
  return { name, state: "fail", detail, fix };
}
