import { formatDuration } from "../base/duration.ts";
import type { FaultRecord } from "../base/faults.ts";
import { enteredAt, type Phase, phaseSince } from "../model/deployment.ts";
import type { ArtifactSpec } from "../model/release.ts";
import { longestBefore, passesBefore } from "./checks.ts";
import { hasGated, isTidy, type Wanted } from "./converge.ts";
import { besideSlots, type Course, end, fail, firstFailure, isExchanged, taskName, taskOf } from "./course.ts";
import { commandEnd, faultOf } from "./gate.ts";
import type { Snapshot } from "./plan.ts";
import { switchOn, watchOn } from "./switch.ts";
import { instancesOf, type Slot, slotsOf } from "./view.ts";

/** Longest stay in a phase (X030 and peers' stuck deployments: every wait ends). Checks and canary steps add their own time. */
export const deadlineMs: Partial<Record<Phase, number>> = {
  build: 30 * 60_000,
  protect: 30 * 60_000,
  release: 30 * 60_000,
  start: 30 * 60_000,
  gate: 30 * 60_000,
  switch: 10 * 60_000,
  undo: 5 * 60_000,
};

/** Takes the deployment as far as this snapshot allows. */
export function advance(course: Course): void {
  for (let before: Phase | null = null; before !== course.draft.current.phase; ) {
    before = course.draft.current.phase;
    if (isCancelled(course)) return fail(course, { verdict: "cancelled", fault: cancelFault(course) });
    if (isRefused(course)) return fail(course, { verdict: "failed", fault: course.s.refusal ?? lateFault(course) });
    if (isLate(course)) return fail(course, { verdict: "failed", fault: lateFault(course) });
    step(course, before);
  }
}

function step(course: Course, phase: Phase): void {
  switch (phase) {
    case "prepare":
      return prepare(course);
    case "build":
      return build(course);
    case "protect":
      return course.draft.enter("release", "nothing to back up");
    case "release":
      return passesBefore(course) ? runReleaseCommands(course) : undefined;
    case "start":
    case "gate":
      return startAndGate(course);
    case "switch":
      return switchOn(course);
    case "watch":
      return watchOn(course);
    case "queued":
    case "drain":
    case "undo":
    case "ended":
      return;
  }
}

function isCancelled({ s, draft }: Course): boolean {
  const { kind, cancelRequested, phase } = draft.current;
  const isStopped = s.environment.stopped && kind !== "stage";
  return (cancelRequested || isStopped) && phase !== "drain" && phase !== "undo" && phase !== "ended";
}

/** Builder, edge or runtime will not do what this release asks for, e.g. a host that another environment owns. */
function isRefused({ s, draft }: Course): boolean {
  return s.refusal !== null && ["build", "start", "gate", "switch"].includes(draft.current.phase);
}

function cancelFault({ s, draft, previous }: Course): FaultRecord {
  const where = `cancelled in phase ${draft.current.phase}`;
  if (s.environment.stopped) {
    const hint = "Everything of the environment was stopped.";
    return { ...faultOf("deployment.cancelled", `${where}; the environment was stopped`), hint };
  }
  const serves = previous ? `v${previous.release} goes on serving` : "nothing is served";
  return faultOf("deployment.cancelled", `${where}; ${serves}`);
}

function deadlineOf({ draft, release }: Course): number | null {
  const { phase } = draft.current;
  const base = deadlineMs[phase];
  if (base === undefined) return null;
  if (phase === "release") return base + longestBefore(release);
  const canary = release.deploy.canary;
  return phase === "switch" && canary ? base + canary.weights.length * canary.everyMs : base;
}

function isLate(course: Course): boolean {
  const deployment = course.draft.current;
  const limit = deadlineOf(course);
  if (limit === null || deployment.phase === "undo") return false;
  const left = phaseSince(deployment) + limit - course.s.now;
  if (left > 0) course.draft.lookAgainIn(left);
  return left <= 0;
}

function lateFault(course: Course): FaultRecord {
  const { phase } = course.draft.current;
  return faultOf("deployment.deadline", `phase ${phase} took longer than ${formatDuration(deadlineOf(course) ?? 0)}`);
}

function prepare(course: Course): void {
  const { s, draft, release } = course;
  const missing = release.artifacts.filter((artifact) => stateOf(s, artifact) !== "built");
  if (draft.current.kind === "deploy" || draft.current.kind === "stage") {
    for (const artifact of missing) {
      draft.do({ do: "build", artifact, release: release.number, why: `${artifact.digest} is not built yet` });
    }
    return draft.enter("build");
  }
  if (missing.length === 0) return draft.enter("start");
  const detail = `v${release.number} cannot be served: ${missing.map((artifact) => artifact.digest).join(", ")} is gone`;
  fail(course, { verdict: "failed", fault: faultOf("release.incomplete", detail) });
}

function stateOf(s: Snapshot, artifact: ArtifactSpec) {
  return s.artifacts[artifact.digest]?.state ?? "absent";
}

function build(course: Course): void {
  const { s, draft, release } = course;
  const justAsked = enteredAt(draft.current, "build") === s.now;
  for (const artifact of release.artifacts) {
    const found = s.artifacts[artifact.digest] ?? { state: "absent" as const };
    if (found.state === "failed") {
      const fault = faultOf(found.code, `the build failed: ${found.detail}`);
      // On the way from `prepare` the failure seen is an older one: the build has just been asked for again.
      if (justAsked) continue;
      return fail(course, { verdict: "failed", fault, culprit: found.task });
    }
    if (found.state === "absent" && !justAsked) {
      draft.do({ do: "build", artifact, release: release.number, why: `${artifact.digest} is not built yet` });
    }
  }
  if (!release.artifacts.every((artifact) => stateOf(s, artifact) === "built")) draft.lookAgainIn(buildPollMs);
  else if (draft.current.kind === "stage") keepStaged(course);
  else draft.enter("protect");
}

/** What was built waits; its artifacts are kept as long as it does. */
function keepStaged({ s, draft, release }: Course): void {
  draft.record({ kind: "staged", key: s.key, staged: release.number }, `v${release.number} waits to be deployed`);
  draft.change({ verdict: "staged" });
  end({ draft, s });
}

/** How often a build without a command (a plain copy, which reports nothing) is looked at. */
const buildPollMs = 25;

function runReleaseCommands(course: Course): void {
  const { s, draft, release } = course;
  for (const service of release.services) {
    if (!service.release) continue;
    const name = taskName(course, service, "release");
    const task = s.tasks.find((candidate) => candidate.name === name);
    if (!task) {
      const command = { name, purpose: "release", command: service.release } as const;
      draft.do({ do: "run-task", task: taskOf(course, service, command), why: "the release command runs once" });
      return;
    }
    if (!task.exit) return;
    if (task.exit.reason !== "exited" || task.exit.code !== 0) {
      const how = commandEnd(task.exit);
      const detail = `the release command of ${service.name} failed (${how}): ${service.release.join(" ")}`;
      return fail(course, { verdict: "failed", fault: faultOf("release.command-failed", detail), culprit: name });
    }
  }
  draft.enter("start");
}

/** Places that may be filled now: those whose needs have an instance that passed its gate (R037). */
export function startable(course: Pick<Course, "s" | "next" | "previous">): readonly Slot[] {
  const { s, next } = course;
  const all = slotsOf(s, next);
  // One that is exchanged goes on answering until then.
  const ready = (name: string) =>
    all.every((slot) => slot.service.name !== name || isExchanged(course, slot.service) || hasGated(s, slot));
  // One that has been started stays, also when a service that it needs gets more instances meanwhile.
  const isStarted = (slot: Slot) => instancesOf(s, slot).length > 0;
  return besideSlots(course).filter((slot) => isStarted(slot) || slot.service.needs.every(ready));
}

function startAndGate(course: Course): void {
  const { s, draft } = course;
  const slots = besideSlots(course);
  const bad = firstFailure(s, slots);
  if (bad) return fail(course, { verdict: "failed", fault: bad.fault, culprit: bad.instance.name });
  const started = slots.every((slot) => instancesOf(s, slot).length > 0);
  if (started && draft.current.phase === "start") draft.enter("gate");
  if (!slots.every((slot) => hasGated(s, slot))) return;
  draft.enter("switch");
}

/** Ends `undo` when everything is as it was, or when waiting longer would not help. */
export function finishUndo(course: Pick<Course, "s" | "draft">, wanted: Wanted): void {
  const { s, draft } = course;
  const left = phaseSince(draft.current) + (deadlineMs.undo ?? 0) - s.now;
  const restored = wanted.slots.every((slot) => hasGated(s, slot));
  if (isTidy(s, wanted) && (restored || left <= 0)) return end(course);
  if (left > 0) draft.lookAgainIn(left);
}

/** Ends `drain` when nothing of the release before is left. */
export function finishDrain(course: Pick<Course, "s" | "draft">, wanted: Wanted): void {
  if (!isTidy(course.s, wanted)) return;
  course.draft.change({ verdict: "live" });
  end(course);
}
