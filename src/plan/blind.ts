import type { FaultRecord } from "../base/faults.ts";
import { endOverdue, timeLeft } from "./deadlines.ts";
import { cancelFault, failLate, isCancelled } from "./deploy.ts";
import { type DeploymentContext, end, failDeployment, nextServing } from "./deployment-context.ts";
import type { Plan, Snapshot } from "./plan.ts";
import { PlanBuilder } from "./plan-builder.ts";
import { redate } from "./redate.ts";
import { releaseOf, underWay } from "./view.ts";

/**
 * What to do in an environment that cannot be observed, because its runtime or builder does not answer. Nothing is done
 * there, but a deployment whose time is over or that is cancelled ends. `s` contains what the journal knows.
 */
export function planBlind(s: Snapshot, why: FaultRecord): Plan {
  const builder = new PlanBuilder(s);
  const running = underWay(s);
  if (running) builder.take(running);
  redate(s, builder);
  endOverdue(s, builder);
  const release = running && releaseOf(s, running.release);
  if (running && release) {
    goOn({ s, builder, release, next: nextServing(running, release), previous: running.previous }, why);
  }
  return builder.finish(running ?? null);
}

function goOn(context: DeploymentContext, why: FaultRecord): void {
  const { s, builder } = context;
  const { phase } = builder.current;
  if (isCancelled(context)) return failDeployment(context, { verdict: "cancelled", fault: cancelFault(context) });
  if (timeLeft(context) > 0) return;
  if (phase !== "drain" && phase !== "undo") {
    failLate(context);
    const { fault } = builder.current;
    if (fault) builder.change({ fault: { ...fault, detail: `${fault.detail}; it cannot be observed: ${why.detail}` } });
    return;
  }
  const remains = `what is left is unknown: ${why.detail}`;
  const { fault } = builder.current;
  builder.event("deployment.remains", `v${context.release.number}`, remains);
  if (phase === "drain") builder.change({ verdict: "live" });
  else if (fault) builder.change({ fault: { ...fault, detail: `${fault.detail}; ${remains}` } });
  end({ s, builder });
}
