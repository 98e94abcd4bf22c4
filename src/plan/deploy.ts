import { formatDuration } from "../base/duration.ts";
import type { FaultRecord } from "../base/faults.ts";
import { type Deployment, enteredAt, type Phase } from "../model/deployment.ts";
import type { ArtifactSpec, Release } from "../model/release.ts";
import { passesBefore } from "./checks.ts";
import { hasGated, isTidy, type Wanted } from "./converge.ts";
import {
  besideSlots,
  type Course,
  end,
  fail,
  failureOf,
  firstFailure,
  isExchanged,
  taskName,
  taskOf,
} from "./course.ts";
import { lateFault, remainsOf, timeLeft } from "./deadlines.ts";
import { commandEnd, faultOf } from "./gate.ts";
import type { Snapshot } from "./plan.ts";
import { singleStranger } from "./strangers.ts";
import { switchOn, watchOn } from "./switch.ts";
import { lateWords, runningCommand } from "./tasks.ts";
import { instancesOf, type Slot, slotsOf } from "./view.ts";

/** Takes the deployment as far as this snapshot allows. */
export function advance(course: Course): void {
  for (let before: Phase | null = null; before !== course.draft.current.phase; ) {
    before = course.draft.current.phase;
    if (isCancelled(course)) return fail(course, { verdict: "cancelled", fault: cancelFault(course) });
    const { refusal } = course.s;
    if (refusal && isOpen(course)) return fail(course, { verdict: failureOf(course), fault: refusal });
    if (isOpen(course) && timeLeft(course) === 0) return failLate(course);
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

export function isCancelled({ s, draft }: Pick<Course, "s" | "draft">): boolean {
  const { kind, cancelRequested } = draft.current;
  const isStopped = s.environment.stopped && kind !== "stage";
  return (cancelRequested || isStopped) && isOpen({ draft });
}

/** Whether how it ends is still to be decided. */
function isOpen({ draft }: Pick<Course, "draft">): boolean {
  return !["drain", "undo", "ended"].includes(draft.current.phase);
}

/** Ends a deployment whose phase took too long. */
export function failLate(course: Course): void {
  const command = runningCommand(course.s, course.draft.current);
  fail(course, { verdict: failureOf(course), fault: lateFault(course), culprit: command?.name ?? null });
}

export function cancelFault({ s, draft, previous }: Course): FaultRecord {
  const where = `cancelled in phase ${draft.current.phase}`;
  if (s.environment.stopped) {
    const hint = "Everything of the environment was stopped.";
    return { ...faultOf("deployment.cancelled", `${where}; the environment was stopped`), hint };
  }
  const serves = previous ? `v${previous.release} goes on serving` : "nothing is served";
  return faultOf("deployment.cancelled", `${where}; ${serves}`);
}

function prepare(course: Course): void {
  const { s, draft, release } = course;
  const stranger = draft.current.kind === "stage" ? null : singleStranger(s, release);
  if (stranger) return fail(course, { verdict: "failed", fault: stranger });
  const absent = absentService(draft.current, release);
  if (absent !== undefined) {
    const fault = faultOf("service.unknown", `v${release.number}, which serves now, has no service ${absent}`);
    return fail(course, { verdict: "failed", fault });
  }
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

/** A service to be restarted that is gone: another release came to serve while the restart was queued. */
export function absentService({ kind, services }: Deployment, { services: all }: Release): string | undefined {
  if (kind !== "restart") return undefined;
  return services?.find((name) => all.every((one) => one.name !== name));
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
      const limit = service.releaseWithinMs ? `, within ${formatDuration(service.releaseWithinMs)}` : "";
      const why = `the release command runs once${limit}`;
      draft.do({ do: "run-task", task: taskOf(course, service, command), why });
      return;
    }
    const late = lateWords(s, task);
    if (late) {
      const fault = faultOf("deployment.deadline", late);
      return fail(course, { verdict: "failed", fault, culprit: name });
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
export function finishUndo(course: Course, wanted: Wanted): void {
  const { s, draft } = course;
  const open = wanted.slots.filter((slot) => !hasGated(s, slot));
  // A command whose time is over is on its way out; the next deployment's must not find it at work.
  const command = runningCommand(s, draft.current);
  const isEnding = command !== undefined && command.name === draft.current.culprit;
  // What cannot be started again is not waited for.
  const isRestored = open.length === 0 || s.refusal !== null;
  if (!(isTidy(s, wanted) && isRestored && !isEnding) && timeLeft(course) > 0) return;
  const refused = s.refusal ? ` (${s.refusal.detail})` : "";
  const places = open.map(({ service, release }) => `${service.name} v${release.number} is not ready again${refused}`);
  const remains = [...remainsOf(s, wanted), ...places, ...(isEnding ? [`${command.name} has not ended yet`] : [])];
  const { fault } = draft.current;
  if (remains.length > 0 && fault) {
    draft.change({ fault: { ...fault, detail: `${fault.detail}; not taken back yet: ${remains.join("; ")}` } });
    draft.event("deployment.remains", `v${course.release.number}`, remains.join("; "));
  }
  end(course);
}

/** Ends `drain` when nothing of the release before is left, or when waiting longer would not help. */
export function finishDrain(course: Course, wanted: Wanted): void {
  const { s, draft, release } = course;
  if (!isTidy(s, wanted) && timeLeft(course) > 0) return;
  const remains = remainsOf(s, wanted);
  if (remains.length > 0) draft.event("deployment.remains", `v${release.number}`, remains.join("; "));
  draft.change({ verdict: "live" });
  end(course);
}
