import { phaseSince } from "../model/deployment.ts";
import type { Serving } from "../model/environment.ts";
import type { RouteTable } from "../model/route.ts";
import { passesAfter } from "./checks.ts";
import { hasGated, isRouted } from "./converge.ts";
import {
  besideSlots,
  type DeploymentContext,
  failDeployment,
  firstFailure,
  singleSlots,
} from "./deployment-context.ts";
import { faultOf } from "./gate.ts";
import { tableFor } from "./routes.ts";
import { isUnreadable } from "./unreadable.ts";
import { instancesOf } from "./view.ts";
import { type Blame, reportOf, type WatchSubject, watchVerdict } from "./watch.ts";

/** The share of traffic of the new release so far: 0 … 1. */
export function shareOf({ builder, release }: Pick<DeploymentContext, "builder" | "release">): number {
  const taken = builder.current.canary;
  if (!taken) return 0;
  return release.deploy.canary?.weights[taken.step] ?? 1;
}

/** The routes during `switch` and `watch`. */
export function switchTable(context: DeploymentContext): RouteTable | null {
  const { s, previous, next, builder } = context;
  const exchanged = new Map<string, Serving>(builder.current.exchanged.map((name) => [name, next]));
  return tableFor(s, { base: previous, next, share: shareOf(context), exchanged });
}

/** Replaces the `single` services, then moves the traffic, in steps if there is a canary. */
export function switchOn(context: DeploymentContext): void {
  const { s, builder, release } = context;
  const bad = firstFailure(s, besideSlots(context));
  if (bad) return failDeployment(context, { verdict: "failed", fault: bad.fault, culprit: bad.instance.name });
  if (besideSlots(context).some((slot) => instancesOf(s, slot).some((one) => isUnreadable(s, one)))) return;
  if (!exchangeSingles(context)) return;
  const steps = release.deploy.canary?.weights.length ?? 0;
  if (!builder.current.canary) builder.change({ canary: { step: context.previous ? 0 : steps, at: s.now } });
  const taken = builder.current.canary ?? { step: steps, at: s.now };
  if (taken.step < steps) return canaryOn(context, taken);
  if (!isRouted(s, switchTable(context))) return;
  builder.enter("watch");
}

/** One after the other: hold, stop the old one, start the new one, gate. True when all have been replaced. */
function exchangeSingles(context: DeploymentContext): boolean {
  const { s, builder } = context;
  for (const slot of singleSlots(context)) {
    const name = slot.service.name;
    if (!builder.current.exchanged.includes(name)) {
      builder.change({ exchanged: [...builder.current.exchanged, name] });
      builder.event("deployment.phase", name, `replacing the single instance of ${name}`);
      return false;
    }
    const bad = firstFailure(s, [slot]);
    if (bad) {
      const fault = faultOf("switch.single-failed", bad.fault.detail);
      failDeployment(context, { verdict: "failed", fault, culprit: bad.instance.name });
      return false;
    }
    if (!hasGated(s, slot)) return false;
  }
  return true;
}

function canaryOn(context: DeploymentContext, taken: { readonly step: number; readonly at: number }): void {
  const { s, builder, release, next, previous } = context;
  const blame = watchVerdict(s, { next, previous, policy: release.deploy.watch });
  if (blame) return failDeployment(context, { verdict: "rolled-back", ...blame });
  if (!isRouted(s, switchTable(context))) return;
  const left = taken.at + (release.deploy.canary?.everyMs ?? 0) - s.now;
  if (left > 0) return builder.lookAgainIn(Math.min(left, watchPollMs));
  builder.change({ canary: { step: taken.step + 1, at: s.now } });
  const share = Math.round(shareOf(context) * 100);
  builder.event("deployment.phase", "canary", `${share} % of the traffic goes to v${release.number}`);
}

/** How often the edge's figures are checked during the watch. */
const watchPollMs = 250;

/**
 * Rolls the release back as soon as it is worse than allowed, and commits to it when its time is over and its checks
 * have passed. Without a previous release to roll back to, it waits only for the checks.
 */
export function watchOn(context: DeploymentContext): void {
  const { s, builder, release, next, previous } = context;
  const compared = { next, previous, policy: release.deploy.watch };
  const blame = watchVerdict(s, compared);
  if (blame) {
    noteReport(context, compared, blame);
    return failDeployment(context, { verdict: previous ? "rolled-back" : "failed", ...blame });
  }
  const left = previous ? phaseSince(builder.current) + release.deploy.watch.forMs - s.now : 0;
  builder.lookAgainIn(left > 0 ? Math.min(left, watchPollMs) : watchPollMs);
  if (!passesAfter(context) || left > 0) return;
  noteReport(context, compared, null);
  commit(context);
}

/** Records what was observed of a release with its deployment, beside its check results. */
function noteReport(context: DeploymentContext, compared: WatchSubject, blame: Blame | null): void {
  const { s, builder } = context;
  if (builder.current.kind !== "deploy") return;
  const tookMs = s.now - phaseSince(builder.current);
  const report = reportOf(s, compared, blame).map((line) => {
    return { when: "after", service: null, tookMs, ...line } as const;
  });
  builder.change({ checks: [...builder.current.checks, ...report] });
}

/** The commit point: from here on the environment serves the new release. */
function commit({ s, builder, next }: DeploymentContext): void {
  builder.record({ kind: "serving", key: s.key, serving: next }, `v${next.release} serves now`);
  builder.enter("drain");
}
