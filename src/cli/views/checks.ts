import type { CheckView } from "../../contract/controller.ts";
import { harmlessLine, type Paint, table } from "../paint.ts";

/** Rows of `doctor`, with the fix for those that are not ok. */
export function checksText(checks: readonly CheckView[], paint: Paint): string {
  const colour = { ok: paint.green, warn: paint.yellow, fail: paint.red };
  const rows = checks.map(({ name, state, detail, fix }) => [
    colour[state](state),
    name,
    harmlessLine(detail, paint),
    fix === null ? "" : `-> ${fix}`,
  ]);
  return table(["STATE", "CHECK", "FOUND", "FIX"], rows, paint);
}
