import { formatDuration } from "../base/duration.ts";
import type { Plan, Step } from "./plan.ts";

/** A plan in words, one line per step; the last line says when the environment is checked again. */
export function explain(plan: Plan): readonly string[] {
  const lines = plan.steps.map((step) => `${words(step)} – ${step.why}`);
  if (plan.againAfterMs !== null) return [...lines, `check again in ${formatDuration(plan.againAfterMs)}`];
  return lines.length > 0 ? lines : ["nothing to do"];
}

function words(step: Step): string {
  switch (step.do) {
    case "record":
      return `record ${[...new Set(step.changes.map((change) => change.kind))].join(", ")}`;
    case "build":
      return `build ${step.artifact.digest.slice(0, 19)} for v${step.release}`;
    case "run-task":
      return `run ${step.task.command.join(" ")}`;
    case "start":
      return `start ${step.instance.name}`;
    case "signal":
      return `send ${step.signal} to ${step.name}`;
    case "remove":
      return `forget ${step.name}`;
    case "start-edge":
      return "start the edge";
    case "route":
      return `route ${step.table.owner} (${step.table.version.slice(7, 15)})`;
    case "unroute":
      return `remove the routes of ${step.owner}`;
  }
}
