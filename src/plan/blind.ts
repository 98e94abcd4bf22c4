import type { FaultRecord } from "../base/faults.ts";
import { type Course, end, fail, nextServing } from "./course.ts";
import { endOverdue, timeLeft } from "./deadlines.ts";
import { cancelFault, failLate, isCancelled } from "./deploy.ts";
import { Draft } from "./draft.ts";
import type { Plan, Snapshot } from "./plan.ts";
import { redate } from "./redate.ts";
import { releaseOf, underWay } from "./view.ts";

/**
 * What to do in an environment that cannot be observed, because its runtime or builder does not answer. Nothing is done
 * there; but a deployment whose time is over ends, and one that is called off does. `s` holds what the journal knows.
 */
export function planBlind(s: Snapshot, why: FaultRecord): Plan {
  const draft = new Draft(s);
  const running = underWay(s);
  if (running) draft.take(running);
  redate(s, draft);
  endOverdue(s, draft);
  const release = running && releaseOf(s, running.release);
  if (running && release) {
    goOn({ s, draft, release, next: nextServing(running, release), previous: running.previous }, why);
  }
  return draft.finish(running ?? null);
}

function goOn(course: Course, why: FaultRecord): void {
  const { s, draft } = course;
  const { phase } = draft.current;
  if (isCancelled(course)) return fail(course, { verdict: "cancelled", fault: cancelFault(course) });
  if (timeLeft(course) > 0) return;
  if (phase !== "drain" && phase !== "undo") {
    failLate(course);
    const { fault } = draft.current;
    if (fault) draft.change({ fault: { ...fault, detail: `${fault.detail}; it cannot be observed: ${why.detail}` } });
    return;
  }
  const remains = `what is left is not known: ${why.detail}`;
  const { fault } = draft.current;
  draft.event("deployment.remains", `v${course.release.number}`, remains);
  if (phase === "drain") draft.change({ verdict: "live" });
  else if (fault) draft.change({ fault: { ...fault, detail: `${fault.detail}; ${remains}` } });
  end({ s, draft });
}
