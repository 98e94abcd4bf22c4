import type { FaultRecord } from "../base/faults.ts";
import type { EnvKey, Serving } from "./environment.ts";
import type { ServiceChecks } from "./release.ts";

/** The phases of a deployment. In `undo` a failed one restores what it changed, before it ends. */
export const phases = [
  "queued",
  "prepare",
  "build",
  "protect",
  "release",
  "start",
  "gate",
  "switch",
  "watch",
  "drain",
  "undo",
  "ended",
] as const;
export type Phase = (typeof phases)[number];

/** `staged`: built, and kept for a later deployment. */
export type Verdict = "live" | "staged" | "failed" | "rolled-back" | "cancelled" | "superseded";

/**
 * `deploy`: new code or configuration. `stage`: builds new code only; it does not affect what serves, and any later
 * deployment supersedes it. `rollback`: a previous release. `restart`: new instances of the same release.
 */
export type DeploymentKind = "deploy" | "stage" | "rollback" | "restart";

/** How an instance passed its gate, in words and figures. */
export interface GateReport {
  readonly service: string;
  readonly instance: string;
  /** e.g. `GET /ready → 200, 2 in a row`. */
  readonly gate: string;
  readonly tookMs: number;
}

/** The result of a check. Only a failed check ends the deployment. */
export interface CheckResult {
  /** `gate`: what was seen of an instance that is not ready yet; always a warning. */
  readonly when: keyof ServiceChecks | "gate";
  /** Null: of the release as a whole. */
  readonly service: string | null;
  readonly name: string;
  readonly outcome: "passed" | "warned" | "failed";
  readonly tookMs: number;
  /** e.g. `exit 1`, or `GET /health → 200`; secrets are hidden in it. */
  readonly detail: string;
}

export interface PhaseEntry {
  readonly phase: Phase;
  readonly at: number;
}

export interface Deployment {
  readonly id: string;
  readonly key: EnvKey;
  readonly kind: DeploymentKind;
  readonly release: number;
  /** The services whose instances are replaced; null means all. */
  readonly services: readonly string[] | null;
  /** The release that served when this deployment began, and that serves again if it fails. */
  readonly previous: Serving | null;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly phase: Phase;
  /** Every phase entered, in order; the last one is `phase`. */
  readonly history: readonly PhaseEntry[];
  /** How many canary steps have been taken, and when the last one was. */
  readonly canary: { readonly step: number; readonly at: number } | null;
  /** `single` services whose old instance this deployment has stopped or is about to stop. */
  readonly exchanged: readonly string[];
  readonly gates: readonly GateReport[];
  /** Results of its checks, each once and in the order in which they ended. */
  readonly checks: readonly CheckResult[];
  readonly cancelRequested: boolean;
  /** Decided when it enters `undo` or `ended`; never changes afterwards. */
  readonly verdict: Verdict | null;
  readonly fault: FaultRecord | null;
  /** The instance whose own log lines explain the fault. */
  readonly culprit: string | null;
  readonly endedAt: number | null;
}

/** A deployment as it begins: queued, with nothing done and nothing decided. */
export function newDeployment(
  begin: Pick<Deployment, "id" | "key" | "kind" | "release" | "services" | "previous" | "createdAt" | "createdBy">,
): Deployment {
  return {
    ...begin,
    phase: "queued",
    history: [{ phase: "queued", at: begin.createdAt }],
    canary: null,
    exchanged: [],
    gates: [],
    checks: [],
    cancelRequested: false,
    verdict: null,
    fault: null,
    culprit: null,
    endedAt: null,
  };
}

/** The allowed next phases; anything else is a programming error. Every phase may also go to `undo` or `ended`. */
const next: Record<Phase, readonly Phase[]> = {
  queued: ["prepare"],
  prepare: ["build", "start"],
  // What is not new only had to be built again.
  build: ["protect", "start"],
  protect: ["release"],
  release: ["start"],
  start: ["gate"],
  gate: ["switch"],
  switch: ["watch"],
  watch: ["drain"],
  drain: [],
  undo: [],
  ended: [],
};

/** Whether a deployment may go from one phase to another. After the commit point (`drain`) it cannot be undone. */
export function mayFollow(from: Phase, to: Phase): boolean {
  if (from === "ended") return false;
  if (to === "ended") return true;
  if (to === "undo") return from !== "drain" && from !== "undo";
  return next[from].includes(to);
}

export function isOver(deployment: Deployment): boolean {
  return deployment.phase === "ended";
}

/** When the current phase began. */
export function phaseSince(deployment: Deployment): number {
  return deployment.history.at(-1)?.at ?? deployment.createdAt;
}

/** When a phase was entered, or null when it was not. */
export function enteredAt(deployment: Deployment, phase: Phase): number | null {
  return deployment.history.find((entry) => entry.phase === phase)?.at ?? null;
}
