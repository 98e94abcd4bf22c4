import { formatDuration } from "../base/duration.ts";
import { type CheckResult, type Deployment, phaseSince } from "../model/deployment.ts";
import type { Address, ObservedInstance } from "../model/instance.ts";
import type { Check, Question, Release, ServiceChecks, ServiceSpec } from "../model/release.ts";
import { type DeploymentContext, failDeployment, nextServing, taskName, taskOf } from "./deployment-context.ts";
import { commandEnd, faultOf } from "./gate.ts";
import type { Snapshot } from "./plan.ts";
import { instancesOf, isGated, isRunning, releaseOf, slotsOf } from "./view.ts";

/** A check of a service, and when it runs. */
export interface Due {
  readonly service: ServiceSpec;
  readonly when: keyof ServiceChecks;
  readonly check: Check;
}

/** How soon to check instances again whose time is over while no controller probed them. */
const askedAgainMs = 1_000;

/**
 * A bad answer older than this, from before the time was over, is not a reason: after bad ones the probe is repeated.
 */
const freshMs = 1_000;

/** The checks of a release in the order of the manifest; a readiness probe must pass after the switch too. */
export function checksOf(release: Release, when: keyof ServiceChecks): readonly Due[] {
  return release.services.flatMap((service) => {
    const written = service.checks[when];
    const checks = when === "after" ? [...healthOf(service, written), ...written] : written;
    return checks.map((check) => ({ service, when, check }));
  });
}

function healthOf({ http }: ServiceSpec, written: readonly Check[]): readonly Check[] {
  const name = "health";
  if (!http?.ready || written.some((check) => check.name === name)) return [];
  const { path, status, json, withinMs } = http.ready;
  // What only had to answer at all has done so.
  if (status === "below 500") return [];
  return [{ name, proof: { question: { path, status, json } }, withinMs }];
}

/** The longest that the checks before a release may take, one after the other. */
export function longestBefore(release: Release): number {
  return checksOf(release, "before").reduce((sum, { check }) => sum + check.withinMs, 0);
}

/** The longest that the checks of a release that has all traffic may take, in parallel. */
export function longestAfter(release: Release): number {
  return Math.max(0, ...checksOf(release, "after").map(({ check }) => check.withinMs));
}

/** The result of a check of a deployment; undefined while it runs. */
export function resultOf({ checks }: Deployment, { service, when, check }: Due): CheckResult | undefined {
  return checks.find((one) => one.when === when && one.service === service.name && one.name === check.name);
}

/** Runs the checks before the release command, one after the other. True once all have passed. */
export function passesBefore(context: DeploymentContext): boolean {
  return checksOf(context.release, "before").every((due) => passes(context, due));
}

/** Runs the checks after the switch in parallel. True once all have passed; a rollback or restart has none. */
export function passesAfter(context: DeploymentContext): boolean {
  if (context.builder.current.kind !== "deploy") return true;
  const all = checksOf(context.release, "after").map((due) => passes(context, due));
  return all.every((passed) => passed);
}

/** Continues a check, or ends the deployment if it failed. A recorded result is never requested again. */
function passes(context: DeploymentContext, due: Due): boolean {
  const { builder } = context;
  if (builder.current.verdict !== null) return false;
  if (resultOf(builder.current, due)) return true;
  const { service, when, check } = due;
  const found = "command" in check.proof ? judgeCommand(context, due, check.proof.command) : judgeAnswers(context, due);
  if (!found) return false;
  const { culprit, ...finding } = found;
  const result = { when, service: service.name, name: check.name, ...finding };
  builder.change({ checks: [...builder.current.checks, result] });
  const detail = `check ${check.name} of ${service.name} ${found.outcome}: ${found.detail}`;
  if (found.outcome !== "failed") {
    builder.event("deployment.check", check.name, detail);
    return true;
  }
  const isBack = when === "after" && context.previous !== null;
  const fault = faultOf(when === "before" ? "release.check-failed" : "watch.check-failed", detail);
  failDeployment(context, { verdict: isBack ? "rolled-back" : "failed", fault, culprit });
  return false;
}

type Finding = Pick<CheckResult, "outcome" | "tookMs" | "detail"> & {
  /** The task or instance whose log lines explain it. */
  readonly culprit: string | null;
};

function judgeCommand(
  context: DeploymentContext,
  { service, when, check }: Due,
  command: readonly string[],
): Finding | null {
  const { s, builder } = context;
  // The dot separates it from the names of other services.
  const name = taskName(context, service, `${when}.${check.name}`);
  const task = s.tasks.find((candidate) => candidate.name === name);
  if (!task) {
    const why = `check ${check.name} of ${service.name} runs once`;
    builder.do({ do: "run-task", task: taskOf(context, service, { name, purpose: "check", command }), why });
    return null;
  }
  const tookMs = Math.max(0, (task.exit?.at ?? s.now) - task.startedAt);
  if (task.exit?.reason === "exited" && task.exit.code === 0) {
    return { outcome: "passed", tookMs, detail: commandEnd(task.exit), culprit: null };
  }
  if (!task.exit && tookMs < check.withinMs) {
    builder.lookAgainIn(check.withinMs - tookMs);
    return null;
  }
  const how = task.exit ? commandEnd(task.exit) : `took longer than ${formatDuration(check.withinMs)}`;
  return { outcome: "failed", tookMs, detail: `${how}: ${command.join(" ")}`, culprit: name };
}

function judgeAnswers(context: DeploymentContext, due: Due): Finding | null {
  const { s, builder, next } = context;
  const { service, check } = due;
  const askedAt = phaseSince(builder.current);
  const tookMs = s.now - askedAt;
  const asked = askedOf(s, { service, next }).map(({ name }) => ({ name, answer: s.answers[answerId(name, check)] }));
  const words = [...new Set(asked.flatMap(({ answer }) => answer?.words ?? []))].join(", ");
  if (asked.length === 0) return { outcome: "warned", tookMs, detail: "no instance to probe", culprit: null };
  if (asked.every(({ answer }) => answer?.good)) return { outcome: "passed", tookMs, detail: words, culprit: null };
  const bad = asked.find(({ answer }) => answer && !answer.good);
  const left = askedAt + check.withinMs - s.now;
  // Its time may have passed while no controller probed it: only a bad answer fails it.
  const isOld = (bad?.answer?.agoMs ?? 0) > Math.max(freshMs, -left);
  if (left > 0 || !bad || isOld) {
    builder.lookAgainIn(left > 0 ? left : askedAgainMs);
    return null;
  }
  const detail = `${bad.answer?.words}; no good answer within ${formatDuration(check.withinMs)}`;
  return { outcome: "failed", tookMs, detail, culprit: bad.name };
}

/** The newest instance at every index of a service, except one that `scale` added and that is not ready. */
function askedOf(
  s: Snapshot,
  { service, next }: Pick<DeploymentContext, "next"> & Pick<Due, "service">,
): readonly ObservedInstance[] {
  const slots = slotsOf(s, next).filter((slot) => slot.service.name === service.name);
  return slots.flatMap((slot) => instancesOf(s, slot).slice(0, 1)).filter((instance) => isGated(s, instance));
}

function answerId(instance: string, { name }: Check): string {
  return `${instance} ${name}`;
}

/** An instance that a check must probe. */
export interface Inquiry {
  /** The name of its answer in the snapshot. */
  readonly id: string;
  readonly release: number;
  readonly address: Address;
  readonly host: string;
  readonly question: Question;
  readonly withinMs: number;
}

/** All probes that the checks of a deployment in its watch need now. */
export function inquiriesOf(s: Snapshot): readonly Inquiry[] {
  const deployment = s.deployments.find(({ phase, kind }) => phase === "watch" && kind === "deploy");
  const release = deployment && releaseOf(s, deployment.release);
  if (!deployment || !release) return [];
  const next = nextServing(deployment, release);
  return checksOf(release, "after").flatMap((due) => {
    const { service, check } = due;
    const { proof, withinMs } = check;
    if (!("question" in proof) || resultOf(deployment, due)) return [];
    return askedOf(s, { service, next }).flatMap((instance) => {
      if (!instance.address || !isRunning(instance)) return [];
      const host = service.http?.hosts[0] ?? "localhost";
      const { question } = proof;
      return [
        {
          id: answerId(instance.name, check),
          release: release.number,
          address: instance.address,
          host,
          question,
          withinMs,
        },
      ];
    });
  });
}
