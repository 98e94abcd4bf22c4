import { formatDuration } from "../base/duration.ts";
import type { FaultRecord } from "../base/faults.ts";
import { type Deployment, enteredAt, type Phase } from "../model/deployment.ts";
import { type ArtifactSpec, type Release, usualReleaseMs } from "../model/release.ts";
import { passesBefore } from "./checks.ts";
import { hasGated, isTidy } from "./converge.ts";
import { lateFault, remainsOf, timeLeft } from "./deadlines.ts";
import {
  besideSlots,
  type DeploymentContext,
  end,
  failDeployment,
  failureOf,
  firstFailure,
  isExchanged,
  taskName,
  taskOf,
} from "./deployment-context.ts";
import { commandEnd, faultOf } from "./gate.ts";
import type { Wanted } from "./leaving.ts";
import type { Snapshot } from "./plan.ts";
import { singleStranger } from "./strangers.ts";
import { switchOn, watchOn } from "./switch.ts";
import { buildPollMs, lateWords, runningCommand } from "./tasks.ts";
import { instancesOf, type Slot, slotsOf } from "./view.ts";

/** Advances the deployment as far as this snapshot allows. */
export function advance(context: DeploymentContext): void {
  for (let before: Phase | null = null; before !== context.builder.current.phase; ) {
    before = context.builder.current.phase;
    if (isCancelled(context)) return failDeployment(context, { verdict: "cancelled", fault: cancelFault(context) });
    const { refusal } = context.s;
    if (refusal && isOpen(context)) return failDeployment(context, { verdict: failureOf(context), fault: refusal });
    if (isOpen(context) && timeLeft(context) === 0) return failLate(context);
    step(context, before);
  }
}

function step(context: DeploymentContext, phase: Phase): void {
  switch (phase) {
    case "prepare":
      return prepare(context);
    case "build":
      return build(context);
    case "protect":
      return context.builder.enter("release", "nothing to back up");
    case "release":
      return passesBefore(context) ? runReleaseCommands(context) : undefined;
    case "start":
    case "gate":
      return startAndGate(context);
    case "switch":
      return switchOn(context);
    case "watch":
      return watchOn(context);
    case "queued":
    case "drain":
    case "undo":
    case "ended":
      return;
  }
}

export function isCancelled({ s, builder }: Pick<DeploymentContext, "s" | "builder">): boolean {
  const { kind, cancelRequested } = builder.current;
  const isStopped = s.environment.stopped && kind !== "stage";
  return (cancelRequested || isStopped) && isOpen({ builder });
}

/** Whether its end is still undecided. */
function isOpen({ builder }: Pick<DeploymentContext, "builder">): boolean {
  return !["drain", "undo", "ended"].includes(builder.current.phase);
}

/** Ends a deployment whose phase took too long. */
export function failLate(context: DeploymentContext): void {
  const command = runningCommand(context.s, context.builder.current);
  failDeployment(context, { verdict: failureOf(context), fault: lateFault(context), culprit: command?.name ?? null });
}

export function cancelFault({ s, builder, previous }: DeploymentContext): FaultRecord {
  const where = `cancelled in phase ${builder.current.phase}`;
  if (s.environment.stopped) {
    const hint = "Everything of the environment was stopped.";
    return { ...faultOf("deployment.cancelled", `${where}; the environment was stopped`), hint };
  }
  const serves = previous ? `v${previous.release} keeps serving` : "nothing is served";
  return faultOf("deployment.cancelled", `${where}; ${serves}`);
}

function prepare(context: DeploymentContext): void {
  const { s, builder, release } = context;
  const stranger = builder.current.kind === "stage" ? null : singleStranger(s, release);
  if (stranger) return failDeployment(context, { verdict: "failed", fault: stranger });
  const absent = absentService(builder.current, release);
  if (absent !== undefined) {
    const fault = faultOf("service.unknown", `v${release.number}, which serves now, has no service ${absent}`);
    return failDeployment(context, { verdict: "failed", fault });
  }
  const missing = release.artifacts.filter((artifact) => stateOf(s, artifact) !== "built");
  if (missing.length === 0 && !isNew(builder.current)) return builder.enter("start");
  for (const artifact of missing) {
    builder.do({ do: "build", artifact, release: release.number, why: `${artifact.digest} is not built yet` });
  }
  builder.enter("build");
}

/** Whether its release was never live: what is brought back is only built again if its artifact is gone. */
function isNew({ kind }: Deployment): boolean {
  return kind === "deploy" || kind === "stage";
}

/** A service to restart that no longer exists: another release went live while the restart was queued. */
export function absentService({ kind, services }: Deployment, { services: all }: Release): string | undefined {
  if (kind !== "restart") return undefined;
  return services?.find((name) => all.every((one) => one.name !== name));
}

function stateOf(s: Snapshot, artifact: ArtifactSpec) {
  return s.artifacts[artifact.digest]?.state ?? "absent";
}

function build(context: DeploymentContext): void {
  const { s, builder, release } = context;
  const justAsked = enteredAt(builder.current, "build") === s.now;
  for (const artifact of release.artifacts) {
    const found = s.artifacts[artifact.digest] ?? { state: "absent" as const };
    if (found.state === "failed") {
      const fault = faultOf(found.code, `the build failed: ${found.detail}`);
      // Coming from `prepare`, the failure is an old one: the build has just been requested again.
      if (justAsked) continue;
      return failDeployment(context, { verdict: "failed", fault, culprit: found.task });
    }
    if (found.state === "absent" && !justAsked) {
      builder.do({ do: "build", artifact, release: release.number, why: `${artifact.digest} is not built yet` });
    }
  }
  if (!release.artifacts.every((artifact) => stateOf(s, artifact) === "built")) builder.lookAgainIn(buildPollMs);
  else if (builder.current.kind === "stage") keepStaged(context);
  else builder.enter(isNew(builder.current) ? "protect" : "start");
}

/** The built release waits; its artifacts are kept while it does. */
function keepStaged({ s, builder, release }: DeploymentContext): void {
  builder.record({ kind: "staged", key: s.key, staged: release.number }, `v${release.number} waits to be deployed`);
  builder.change({ verdict: "staged" });
  end({ builder, s });
}

function runReleaseCommands(context: DeploymentContext): void {
  const { s, builder, release } = context;
  for (const service of release.services) {
    if (!service.release) continue;
    const name = taskName(context, service, "release");
    const task = s.tasks.find((candidate) => candidate.name === name);
    if (!task) {
      const command = { name, purpose: "release", command: service.release } as const;
      const limit =
        service.releaseWithinMs !== usualReleaseMs ? `, within ${formatDuration(service.releaseWithinMs)}` : "";
      const why = `the release command runs once${limit}`;
      builder.do({ do: "run-task", task: taskOf(context, service, command), why });
      return;
    }
    const late = lateWords(s, task);
    if (late) {
      const fault = faultOf("deployment.deadline", late);
      return failDeployment(context, { verdict: "failed", fault, culprit: name });
    }
    if (!task.exit) return;
    if (task.exit.reason !== "exited" || task.exit.code !== 0) {
      const how = commandEnd(task.exit);
      const detail = `the release command of ${service.name} failed (${how}): ${service.release.join(" ")}`;
      return failDeployment(context, {
        verdict: "failed",
        fault: faultOf("release.command-failed", detail),
        culprit: name,
      });
    }
  }
  builder.enter("start");
}

/** Places that may be filled now: those whose needs have an instance that passed its gate (R037). */
export function startable(context: Pick<DeploymentContext, "s" | "next" | "previous">): readonly Slot[] {
  const { s, next } = context;
  const all = slotsOf(s, next);
  // One that is being replaced keeps answering until then.
  const ready = (name: string) =>
    all.every((slot) => slot.service.name !== name || isExchanged(context, slot.service) || hasGated(s, slot));
  // A started one stays, even if a service that it needs gets more instances meanwhile.
  const isStarted = (slot: Slot) => instancesOf(s, slot).length > 0;
  return besideSlots(context).filter((slot) => isStarted(slot) || slot.service.needs.every(ready));
}

function startAndGate(context: DeploymentContext): void {
  const { s, builder } = context;
  const slots = besideSlots(context);
  const bad = firstFailure(s, slots);
  if (bad) return failDeployment(context, { verdict: "failed", fault: bad.fault, culprit: bad.instance.name });
  const started = slots.every((slot) => instancesOf(s, slot).length > 0);
  if (started && builder.current.phase === "start") builder.enter("gate");
  if (!slots.every((slot) => hasGated(s, slot))) return;
  builder.enter("switch");
}

/** Ends `undo` when everything is restored, or when longer waiting would not help. */
export function finishUndo(context: DeploymentContext, wanted: Wanted): void {
  const { s, builder } = context;
  const open = wanted.slots.filter((slot) => !hasGated(s, slot));
  // A command whose time is over is ending; the next deployment's command must not run beside it.
  const command = runningCommand(s, builder.current);
  const isEnding = command !== undefined && command.name === builder.current.culprit;
  // Instances that cannot be restarted are not waited for.
  const isRestored = open.length === 0 || s.refusal !== null;
  if (!(isTidy(s, wanted) && isRestored && !isEnding) && timeLeft(context) > 0) return;
  const refused = s.refusal ? ` (${s.refusal.detail})` : "";
  const places = open.map(({ service, release }) => `${service.name} v${release.number} is not ready again${refused}`);
  const remains = [...remainsOf(s, wanted), ...places, ...(isEnding ? [`${command.name} has not ended yet`] : [])];
  const { fault } = builder.current;
  if (remains.length > 0 && fault) {
    builder.change({ fault: { ...fault, detail: `${fault.detail}; not rolled back yet: ${remains.join("; ")}` } });
    builder.event("deployment.remains", `v${context.release.number}`, remains.join("; "));
  }
  end(context);
}

/** Ends `drain` when nothing of the previous release is left, or when longer waiting would not help. */
export function finishDrain(context: DeploymentContext, wanted: Wanted): void {
  const { s, builder, release } = context;
  if (!isTidy(s, wanted) && timeLeft(context) > 0) return;
  const remains = remainsOf(s, wanted);
  if (remains.length > 0) builder.event("deployment.remains", `v${release.number}`, remains.join("; "));
  builder.change({ verdict: "live" });
  end(context);
}
