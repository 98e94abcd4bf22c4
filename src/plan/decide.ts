import type { Deployment } from "../model/deployment.ts";
import type { Serving } from "../model/environment.ts";
import { converge, type Wanted } from "./converge.ts";
import { besideSlots, type Course, end, nextServing, singleSlots } from "./course.ts";
import { endOverdue } from "./deadlines.ts";
import { advance, finishDrain, finishUndo, startable } from "./deploy.ts";
import { Draft } from "./draft.ts";
import { faultOf } from "./gate.ts";
import type { Plan, Snapshot } from "./plan.ts";
import { awaitEnd, isDue, takeDown } from "./preview.ts";
import { redate } from "./redate.ts";
import { spareUpstreams, tableFor } from "./routes.ts";
import { explained, noteStrangers } from "./strangers.ts";
import { switchTable } from "./switch.ts";
import { withUnreadable } from "./unreadable.ts";
import { idOf, releaseOf, type Slot, slotId, slotsOf, underWay } from "./view.ts";
import { crashBehind } from "./watch.ts";

const nobody: ReadonlyMap<string, Serving> = new Map();

/** How soon instances are looked at again that cannot be looked at. */
const unreadableMs = 5_000;

/** What to do next in an environment. Pure and total: it answers for every snapshot, and the same for the same one. */
export function plan(world: Snapshot): Plan {
  const s = withUnreadable(explained(world));
  const draft = new Draft(s);
  if (s.isUnknown) return { ...draft.finish(null), why: "the journal has nothing of it: it is left alone" };
  // When it can be looked at again may be reported by nobody.
  if (s.unreadable.length > 0) draft.lookAgainIn(unreadableMs);
  if (isDue(s)) {
    takeDown(s, draft);
    return draft.finish(null);
  }
  awaitEnd(s, draft);
  const running = underWay(s);
  if (running) draft.take(running);
  redate(s, draft);
  if (running) endOverdue(s, draft);
  const begun = running ? s : beginNext(s, draft);
  const wanted = draft.deployment ? goOn(begun, draft) : atRest(begun, begun.environment.serving);
  noteStrangers(begun, draft);
  converge(begun, wanted, draft);
  return draft.finish(running ?? null);
}

/** What is wanted when no deployment is running. */
export function atRest(s: Snapshot, serving: Serving | null): Wanted {
  const served = s.environment.stopped ? null : serving;
  const table = tableFor(s, { base: served, next: null, share: 0, exchanged: nobody });
  return { slots: slotsOf(s, served), onTrial: new Set(), table };
}

/**
 * Takes the newest deployment of the queue; the older ones are superseded by it. Staging takes nobody's place but that of
 * other staging. A restart takes no place of a release on its way: it comes after that, and restarts what serves then.
 */
function beginNext(s: Snapshot, draft: Draft): Snapshot {
  const { deployments } = s; // oldest first; times of creation would lie after the clock was set back
  const next =
    deployments.findLast(({ kind }) => kind !== "stage" && kind !== "restart") ??
    deployments.findLast(({ kind }) => kind !== "stage") ??
    deployments.at(-1);
  if (!next) return s;
  for (const older of deployments.slice(0, deployments.indexOf(next))) supersede(older, { by: next, draft });
  const { serving } = s.environment;
  const previous = s.environment.stopped ? null : serving;
  const release = next.kind === "restart" && serving ? serving.release : next.release;
  draft.take({ ...next, previous, release });
  if (next.cancelRequested) {
    draft.change({ verdict: "cancelled", fault: faultOf("deployment.cancelled", "cancelled while it was queued") });
    end({ draft, s });
    return s;
  }
  draft.enter("prepare");
  if (!s.environment.stopped || next.kind === "stage") return s;
  draft.record({ kind: "stopped", key: s.key, stopped: false }, "a deployment starts the environment again");
  return { ...s, environment: { ...s.environment, stopped: false } };
}

function supersede(older: Deployment, { by, draft }: { by: Deployment; draft: Draft }): void {
  const verdict = older.cancelRequested ? "cancelled" : "superseded";
  const code = older.cancelRequested ? "deployment.cancelled" : "deployment.superseded";
  const fault = faultOf(code, older.cancelRequested ? "cancelled while it was queued" : `${by.id} took its place`);
  draft.close(older, { verdict, fault });
}

/** Takes the deployment under way as far as it goes, and says what is wanted then. */
function goOn(s: Snapshot, draft: Draft): Wanted {
  const deployment = draft.current;
  const release = releaseOf(s, deployment.release);
  if (!release) {
    const fault = faultOf("release.unknown", `v${deployment.release} is not in the journal`);
    draft.change({ verdict: "failed", fault });
    end({ draft, s });
    return atRest(s, s.environment.serving);
  }
  const next = nextServing(deployment, release);
  const course: Course = { s, draft, release, next, previous: deployment.previous };
  advance(course);
  const wanted = wantedNow(course);
  if (draft.current.phase === "undo") {
    const behind = draft.current.fault?.code === "watch.errors" ? crashBehind(s, next) : null;
    if (behind) draft.change(behind);
    finishUndo(course, wanted);
  }
  if (draft.current.phase === "drain") finishDrain(course, wanted);
  return wanted;
}

function wantedNow(course: Course): Wanted {
  const { s, draft, next, previous } = course;
  const before = atRest(s, previous);
  switch (draft.current.phase) {
    case "start":
    case "gate":
      return { slots: [...before.slots, ...startable(course)], onTrial: trialOf(course), table: switchTable(course) };
    case "switch":
      return { slots: switchSlots(course), onTrial: trialOf(course), table: switchTable(course) };
    case "watch":
      return { slots: watchSlots(course), onTrial: trialOf(course), table: switchTable(course) };
    case "drain":
      return atRest(s, next);
    case "undo":
      return { slots: [...before.slots, ...spareSlots(course)], onTrial: new Set(), table: undoTable(course) };
    default:
      return before;
  }
}

/** New instances prove themselves once: if one fails, the deployment does, so none of them is started again. */
function trialOf(course: Course): ReadonlySet<string> {
  return new Set([...besideSlots(course), ...singleSlots(course)].map(idOf));
}

function switchSlots(course: Course): readonly Slot[] {
  const { exchanged } = course.draft.current;
  const old = slotsOf(course.s, course.previous).filter((slot) => !exchanged.includes(slot.service.name));
  const singles = singleSlots(course).filter((slot) => exchanged.includes(slot.service.name));
  return [...old, ...besideSlots(course), ...singles];
}

/** Old instances that took requests stay for a way back; old workers stop, so that nothing works twice for long. */
function watchSlots(course: Course): readonly Slot[] {
  const fresh = slotsOf(course.s, course.next);
  const places = new Set(fresh.map(idOf));
  const { exchanged } = course.draft.current;
  const old = slotsOf(course.s, course.previous).filter(
    (slot) => slot.service.http !== null && !exchanged.includes(slot.service.name) && !places.has(idOf(slot)),
  );
  return [...old, ...fresh];
}

function undoTable({ s, draft, next, previous }: Course) {
  if (s.environment.stopped) return null;
  const exchanged = new Map(previous ? draft.current.exchanged.map((name) => [name, previous]) : []);
  return tableFor(s, { base: previous, next: null, share: 0, spare: next, exchanged });
}

/** Places of a release that is taken back whose instances answer for want of others. */
function spareSlots({ s, next, previous }: Course): readonly Slot[] {
  if (s.environment.stopped) return [];
  return slotsOf(s, next).filter((slot) => {
    if (slot.service.single) return false;
    const spare = spareUpstreams(s, { base: previous, spare: next }, slot.service.name);
    return spare.some(({ identity }) => slotId(identity) === idOf(slot));
  });
}
