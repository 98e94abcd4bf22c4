import { formatDuration } from "../base/duration.ts";
import type { Deployment } from "../model/deployment.ts";
import type { ObservedTask } from "../model/instance.ts";
import { type ServiceSpec, serviceOf } from "../model/release.ts";
import type { Snapshot, Step } from "./plan.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import { releaseOf } from "./view.ts";

/** How often a build without a command (a plain copy, which reports nothing) is checked. */
export const buildPollMs = 25;
/** How long the output of an ended `run` task is available. */
const keepTaskMs = 3_600_000;
/** A process that survived SIGKILL is signalled again after this. */
export const killAgainMs = 5_000;

/** Ends the tasks that leave, and forgets ended ones that nobody asks for any more. */
export function clearTasks(s: Snapshot, leaving: readonly ObservedTask[], builder: PlanBuilder): void {
  for (const task of s.tasks) {
    if (task.exit) forget(s, task, builder);
    else if (task.spec.purpose === "release") endLate(s, task, builder);
    else if (leaving.includes(task)) {
      builder.do(signal(task, "SIGKILL", `nothing waits for this ${task.spec.purpose} any more`));
      builder.lookAgainIn(killAgainMs);
    }
  }
}

function forget(s: Snapshot, { name, spec, exit, isHeld }: ObservedTask, builder: PlanBuilder): void {
  if (isHeld) return;
  if (s.deployments.some(({ id }) => id === spec.deployment)) return;
  const left = spec.purpose === "run" && exit ? exit.at + keepTaskMs - s.now : 0;
  if (left > 0) builder.lookAgainIn(left);
  else builder.do({ do: "remove", name, why: `${name} has ended` });
}

/** The release command of a running deployment. */
export function runningCommand({ tasks }: Pick<Snapshot, "tasks">, { id }: Pick<Deployment, "id">) {
  return tasks.find(({ exit, spec }) => exit === null && spec.purpose === "release" && spec.deployment === id);
}

/** The service whose release command a task is; undefined for another task, and when its release is not known any more. */
function commandOf(s: Snapshot, { spec }: ObservedTask): ServiceSpec | undefined {
  const release = spec.purpose === "release" ? releaseOf(s, spec.release) : undefined;
  return release && serviceOf(release, spec.service);
}

/** Milliseconds left for a running release command; null for another task. */
export function commandLeft(s: Snapshot, task: ObservedTask): number | null {
  const service = commandOf(s, task);
  return service ? task.startedAt + service.releaseWithinMs - s.now : null;
}

/** Description of a running release command whose time is over; null while it may continue. */
export function lateWords(s: Snapshot, task: ObservedTask): string | null {
  const service = commandOf(s, task);
  if (task.exit || !service || (commandLeft(s, task) ?? 1) > 0) return null;
  const limit = formatDuration(service.releaseWithinMs);
  return `the release command of ${service.name} took longer than ${limit} and is stopped: ${task.spec.command.join(" ")}`;
}

/**
 * A release command may finish even if its deployment is cancelled: half a migration is worse than an unneeded one. It
 * is stopped only when its time is over, and then killed.
 */
function endLate(s: Snapshot, task: ObservedTask, builder: PlanBuilder): void {
  const service = commandOf(s, task);
  const left = commandLeft(s, task);
  if (!service || left === null) return;
  if (left > 0) return builder.lookAgainIn(left);
  const why = `its time limit of ${formatDuration(service.releaseWithinMs)} is over`;
  const { signal: name, withinMs } = service.stop;
  const stopping = task.stopSignalAt ?? null;
  if (stopping === null) {
    builder.do(signal(task, name, why));
    return builder.lookAgainIn(withinMs);
  }
  const patience = stopping + withinMs - s.now;
  if (patience > 0) return builder.lookAgainIn(patience);
  builder.do(signal(task, "SIGKILL", `${why}, and ${name} did not end it`));
  builder.lookAgainIn(killAgainMs);
}

function signal({ name }: ObservedTask, how: string, why: string): Step {
  return { do: "signal", name, signal: how, why };
}

/**
 * Whether the deployment under way waits for this build, which one before it began: equal input is built once. What
 * serves waits for an artifact of its own that was damaged.
 */
export function isAwaited(s: Snapshot, build: ObservedTask, deployment: Deployment | null): boolean {
  const { serving, stopped } = s.environment;
  const served = serving && !stopped ? serving.release : null;
  const numbers = [deployment?.phase === "build" ? deployment.release : null, served];
  const releases = numbers.flatMap((number) => (number === null ? [] : (releaseOf(s, number) ?? [])));
  const states = releases.flatMap(({ artifacts }) => artifacts.map(({ digest }) => s.artifacts[digest]));
  return states.some((found) => found?.state === "building" && (found.task ?? build.name) === build.name);
}
