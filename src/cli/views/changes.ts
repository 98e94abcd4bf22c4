import type { ChangeView, PlanAnswer } from "../../contract/plan.ts";
import { harmlessLine, type Paint } from "../paint.ts";

const marks: Record<ChangeView["action"], string> = { create: "+", change: "~", replace: "±", destroy: "-", keep: " " };

/** Changes grouped by kind, destruction last so that it is read last; then the summary. */
export function changesText({ changes, warnings, summary }: PlanAnswer, paint: Paint): string {
  const order: readonly ChangeView["action"][] = ["keep", "create", "change", "replace", "destroy"];
  const colour = {
    create: paint.green,
    change: paint.yellow,
    replace: paint.yellow,
    destroy: paint.red,
    keep: paint.dim,
  };
  const lines = order.flatMap((action) =>
    changes
      .filter((change) => change.action === action)
      .map(({ subject, detail }) =>
        colour[action](`${marks[action]} ${action.padEnd(7)}  ${subject}  ${harmlessLine(detail, paint)}`.trimEnd()),
      ),
  );
  return [...lines, ...warnings.map((warning) => `${paint.yellow("warning:")} ${warning}`), summary].join("\n");
}
