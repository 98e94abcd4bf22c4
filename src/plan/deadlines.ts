import { formatDuration } from "../base/duration.ts";
import type { FaultRecord } from "../base/faults.ts";
import { type Phase, phaseSince } from "../model/deployment.ts";
import type { ObservedInstance } from "../model/instance.ts";
import type { Release, ServiceSpec } from "../model/release.ts";
import { checksOf, longestAfter, longestBefore, resultOf } from "./checks.ts";
import { isRouted, isStuck } from "./converge.ts";
import type { DeploymentContext } from "./deployment-context.ts";
import { faultOf } from "./gate.ts";
import { leaversOf, type Wanted } from "./leaving.ts";
import type { Snapshot } from "./plan.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import { readyWithin } from "./routes.ts";
import { runningCommand } from "./tasks.ts";
import { isUnreadable } from "./unreadable.ts";
import { isRunning } from "./view.ts";

/**
 * Longest stay in a phase (X030 and peers' stuck deployments: every wait ends). Time that the release itself allows is
 * added: `deadlineOf`. A queued one waits for others, each of which ends in bounded time, and is superseded by newer
 * ones.
 */
const baseMs: Record<Exclude<Phase, "ended">, number> = {
  queued: 48 * 3_600_000,
  prepare: 30 * 60_000,
  build: 30 * 60_000,
  protect: 30 * 60_000,
  release: 30 * 60_000,
  start: 30 * 60_000,
  gate: 30 * 60_000,
  switch: 10 * 60_000,
  watch: 10 * 60_000,
  drain: 5 * 60_000,
  undo: 5 * 60_000,
};

/** Time of a phase beyond the longest of what it waits for. */
const slackMs = 60_000;

/** The longest that a deployment may stay in the phase that it is in. */
export function deadlineOf(s: Snapshot, { builder, release }: Pick<DeploymentContext, "builder" | "release">): number {
  const { phase } = builder.current;
  return phase === "ended" ? 0 : baseMs[phase] + ownMs(s, phase, release);
}

/** Time that the services of a release, its checks and its policy add to a phase. */
function ownMs(s: Snapshot, phase: Phase, release: Release): number {
  const { canary, watch } = release.deploy;
  switch (phase) {
    case "release":
      return longestBefore(release) + Math.max(0, commandsMs(release) - baseMs.release);
    case "start":
    case "gate":
      return beyond(phase, longest([release], readyWithin));
    case "switch":
      return canary ? canary.weights.length * canary.everyMs : 0;
    case "watch":
      return watch.forMs + longestAfter(release);
    case "drain":
    case "undo":
      return beyond(phase, longest(s.releases, stopMs));
    case "queued":
    case "prepare":
    case "build":
    case "protect":
    case "ended":
      return 0;
  }
}

/** Time that a wait of this length needs beyond the usual limit of a phase. */
function beyond(phase: Exclude<Phase, "ended">, ms: number): number {
  return Math.max(0, ms + slackMs - baseMs[phase]);
}

function longest(releases: readonly Release[], of: (service: ServiceSpec) => number): number {
  return Math.max(0, ...releases.flatMap(({ services }) => services.map(of)));
}

function stopMs({ stop }: ServiceSpec): number {
  return stop.drainMs + stop.withinMs;
}

/** The longest that the release commands of a release may take, one after the other. */
function commandsMs({ services }: Release): number {
  return services.reduce((sum, service) => sum + (service.release ? service.releaseWithinMs : 0), 0);
}

/** Milliseconds left of the current phase, 0 if it is over. The environment is observed again then. */
export function timeLeft({ s, builder, release }: Pick<DeploymentContext, "s" | "builder" | "release">): number {
  const left = Math.max(0, phaseSince(builder.current) + deadlineOf(s, { builder, release }) - s.now);
  // `prepare` waits for nothing: the first look leaves it.
  if (left > 0 && builder.current.phase !== "prepare") builder.lookAgainIn(left);
  return left;
}

/** The fault of a deployment whose phase took too long. */
export function lateFault({ s, builder, release }: Pick<DeploymentContext, "s" | "builder" | "release">): FaultRecord {
  const words = `phase ${builder.current.phase} took longer than ${formatDuration(deadlineOf(s, { builder, release }))}`;
  return faultOf("deployment.deadline", [words, ...awaited({ s, builder, release }), ...hindrances(s)].join("; "));
}

/** What the release itself has not finished. */
function awaited({ s, builder, release }: Pick<DeploymentContext, "s" | "builder" | "release">): readonly string[] {
  const { current } = builder;
  const command = current.phase === "release" ? runningCommand(s, current) : undefined;
  if (command) return [`the release command of ${command.spec.service} still runs: ${command.spec.command.join(" ")}`];
  const checks = current.phase === "watch" && current.kind === "deploy" ? checksOf(release, "after") : [];
  const open = checks.filter((due) => !resultOf(current, due));
  return open.map(({ service, check }) => `check ${check.name} of ${service.name} did not end`);
}

/** Obstacles that only somebody outside can fix. */
function hindrances(s: Snapshot): readonly string[] {
  const stuck = s.instances.filter((instance) => isStuck(s, instance)).map(({ name }) => `${name} survives SIGKILL`);
  const unseen = s.unreadable.map(({ name, why }) => `${name} cannot be inspected (${why})`);
  return [...(s.edge.up ? [] : ["the edge does not answer"]), ...stuck, ...unseen];
}

/** What is left, in words, when a deployment ends because longer waiting would not help; the loop cleans it up. */
export function remainsOf(s: Snapshot, wanted: Wanted): readonly string[] {
  const leaving = leaversOf(s, wanted).filter(isRunning);
  const words = leaving.map((one) => `${one.name} ${remainWords(s, one)}`);
  if (isRouted(s, wanted.table)) return words;
  return [s.edge.up ? "the edge has not taken the routes yet" : "the edge does not answer", ...words];
}

function remainWords(s: Snapshot, one: ObservedInstance): string {
  if (isUnreadable(s, one)) return "cannot be inspected";
  return isStuck(s, one) ? "survives SIGKILL" : "has not ended yet";
}

/** A queued deployment that never starts ends too. */
export function endOverdue(s: Snapshot, builder: PlanBuilder): void {
  for (const one of s.deployments) {
    if (one.phase !== "queued") continue;
    const left = phaseSince(one) + baseMs.queued - s.now;
    if (left > 0) builder.lookAgainIn(left);
    else builder.close(one, { verdict: "failed", fault: queueFault() });
  }
}

function queueFault(): FaultRecord {
  const words = `it waited longer than ${formatDuration(baseMs.queued)} for the deployment before it`;
  return faultOf("deployment.deadline", words);
}
