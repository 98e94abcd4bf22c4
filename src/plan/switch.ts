import { phaseSince } from "../model/deployment.ts";
import type { Serving } from "../model/environment.ts";
import type { RouteTable } from "../model/route.ts";
import { passesAfter } from "./checks.ts";
import { hasGated, isRouted } from "./converge.ts";
import { besideSlots, type Course, fail, firstFailure, singleSlots } from "./course.ts";
import { faultOf } from "./gate.ts";
import { tableFor } from "./routes.ts";
import { isUnreadable } from "./unreadable.ts";
import { instancesOf } from "./view.ts";
import { type Blame, type Comparison, reportOf, watchVerdict } from "./watch.ts";

/** The share of traffic that the new release has got so far: 0 … 1. */
export function shareOf({ draft, release }: Pick<Course, "draft" | "release">): number {
  const taken = draft.current.canary;
  if (!taken) return 0;
  return release.deploy.canary?.weights[taken.step] ?? 1;
}

/** The routes during `switch` and `watch`. */
export function switchTable(course: Course): RouteTable | null {
  const { s, previous, next, draft } = course;
  const exchanged = new Map<string, Serving>(draft.current.exchanged.map((name) => [name, next]));
  return tableFor(s, { base: previous, next, share: shareOf(course), exchanged });
}

/** Exchanges the `single` services, then moves the traffic over, step by step where a canary is asked for. */
export function switchOn(course: Course): void {
  const { s, draft, release } = course;
  const bad = firstFailure(s, besideSlots(course));
  if (bad) return fail(course, { verdict: "failed", fault: bad.fault, culprit: bad.instance.name });
  if (besideSlots(course).some((slot) => instancesOf(s, slot).some((one) => isUnreadable(s, one)))) return;
  if (!exchangeSingles(course)) return;
  const steps = release.deploy.canary?.weights.length ?? 0;
  if (!draft.current.canary) draft.change({ canary: { step: course.previous ? 0 : steps, at: s.now } });
  const taken = draft.current.canary ?? { step: steps, at: s.now };
  if (taken.step < steps) return canaryOn(course, taken);
  if (!isRouted(s, switchTable(course))) return;
  draft.enter("watch");
}

/** One after the other: hold, stop the old one, start the new one, gate. True when all have been exchanged. */
function exchangeSingles(course: Course): boolean {
  const { s, draft } = course;
  for (const slot of singleSlots(course)) {
    const name = slot.service.name;
    if (!draft.current.exchanged.includes(name)) {
      draft.change({ exchanged: [...draft.current.exchanged, name] });
      draft.event("deployment.phase", name, `exchanging the single instance of ${name}`);
      return false;
    }
    const bad = firstFailure(s, [slot]);
    if (bad) {
      const fault = faultOf("switch.single-failed", bad.fault.detail);
      fail(course, { verdict: "failed", fault, culprit: bad.instance.name });
      return false;
    }
    if (!hasGated(s, slot)) return false;
  }
  return true;
}

function canaryOn(course: Course, taken: { readonly step: number; readonly at: number }): void {
  const { s, draft, release, next, previous } = course;
  const blame = watchVerdict(s, { next, previous, policy: release.deploy.watch });
  if (blame) return fail(course, { verdict: "rolled-back", ...blame });
  if (!isRouted(s, switchTable(course))) return;
  const left = taken.at + (release.deploy.canary?.everyMs ?? 0) - s.now;
  if (left > 0) return draft.lookAgainIn(Math.min(left, watchPollMs));
  draft.change({ canary: { step: taken.step + 1, at: s.now } });
  const share = Math.round(shareOf(course) * 100);
  draft.event("deployment.phase", "canary", `${share} % of the traffic goes to v${release.number}`);
}

/** How often the figures of the edge are looked at during the watch. */
const watchPollMs = 250;

/**
 * Takes the release back at the first sign that it is worse than allowed, and commits to it when its time is over and its
 * checks have passed. Without an earlier one to go back to, only the checks are waited for.
 */
export function watchOn(course: Course): void {
  const { s, draft, release, next, previous } = course;
  const compared = { next, previous, policy: release.deploy.watch };
  const blame = watchVerdict(s, compared);
  if (blame) {
    noteReport(course, compared, blame);
    return fail(course, { verdict: previous ? "rolled-back" : "failed", ...blame });
  }
  const left = previous ? phaseSince(draft.current) + release.deploy.watch.forMs - s.now : 0;
  draft.lookAgainIn(left > 0 ? Math.min(left, watchPollMs) : watchPollMs);
  if (!passesAfter(course) || left > 0) return;
  noteReport(course, compared, null);
  commit(course);
}

/** Keeps what was seen of a release with its deployment, beside what its checks found. */
function noteReport(course: Course, compared: Comparison, blame: Blame | null): void {
  const { s, draft } = course;
  if (draft.current.kind !== "deploy") return;
  const tookMs = s.now - phaseSince(draft.current);
  const report = reportOf(s, compared, blame).map((line) => {
    return { when: "after", service: null, tookMs, ...line } as const;
  });
  draft.change({ checks: [...(draft.current.checks ?? []), ...report] });
}

/** The point of no return: from here on the new release is what the environment serves. */
function commit({ s, draft, next }: Course): void {
  draft.record({ kind: "serving", key: s.key, serving: next }, `v${next.release} is what serves now`);
  draft.enter("drain");
}
