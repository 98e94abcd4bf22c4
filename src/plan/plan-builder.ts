import { Fault, type FaultRecord } from "../base/faults.ts";
import type { PlanChange } from "../model/change.ts";
import { type Deployment, mayFollow, type Phase, type Verdict } from "../model/deployment.ts";
import type { EventKind } from "../model/event.ts";
import type { Plan, Snapshot, Step } from "./plan.ts";

/**
 * Builds a plan. Records come first and in one transaction, so that a step never depends on a decision that a crash
 * could lose; other steps keep their order.
 */
export class PlanBuilder {
  readonly #s: Snapshot;
  readonly #changes: PlanChange[] = [];
  readonly #whys = new Set<string>();
  readonly #steps: Step[] = [];
  #deployment: Deployment | null = null;
  #againAfterMs: number | null = null;

  constructor(s: Snapshot) {
    this.#s = s;
  }

  record(change: PlanChange, why: string): void {
    this.#changes.push(change);
    this.#whys.add(why);
  }

  event(kind: EventKind, subject: string | null, detail: string): void {
    const { now: at, key } = this.#s;
    const deployment = this.#deployment?.id ?? null;
    this.record({ kind: "event", event: { at, key, kind, deployment, subject, detail } }, detail);
  }

  /** Works on this deployment from now on; its final state is recorded once. */
  take(deployment: Deployment): void {
    this.#deployment = deployment;
  }

  /** The deployment as changed so far; null if none is running. */
  get deployment(): Deployment | null {
    return this.#deployment;
  }

  /** The same, if one must be running. */
  get current(): Deployment {
    if (!this.#deployment) throw new Fault("operation.failed", "no deployment is running");
    return this.#deployment;
  }

  change(patch: Partial<Deployment>): void {
    if (this.#deployment) this.#deployment = { ...this.#deployment, ...patch };
  }

  enter(phase: Phase, detail: string = phase): void {
    const deployment = this.#deployment;
    if (!deployment || !mayFollow(deployment.phase, phase)) return;
    this.change({ phase, history: [...deployment.history, { phase, at: this.#s.now }] });
    this.event("deployment.phase", phase, detail);
  }

  /** Ends a deployment other than the current one. */
  close(one: Deployment, { verdict, fault }: { verdict: Verdict; fault: FaultRecord }): void {
    const { now: at } = this.#s;
    const history = [...one.history, { phase: "ended" as const, at }];
    const deployment: Deployment = { ...one, phase: "ended", verdict, fault, endedAt: at, history };
    this.record({ kind: "deployment", deployment }, `${one.id} is ${verdict}`);
  }

  /** Records a deployment as in the snapshot, or as changed since. */
  rewrite(one: Deployment, why: string): void {
    if (one.id === this.#deployment?.id) this.change({});
    else this.#changes.push({ kind: "deployment", deployment: one });
    this.#whys.add(why);
  }

  do(step: Step): void {
    this.#steps.push(step);
  }

  lookAgainIn(ms: number): void {
    const soonest = Math.max(1, Math.ceil(ms));
    if (this.#againAfterMs === null || soonest < this.#againAfterMs) this.#againAfterMs = soonest;
  }

  finish(original: Deployment | null): Plan {
    const isOlder = (one: PlanChange) => one.kind === "deployment" && one.deployment.id === this.#deployment?.id;
    const changes = this.#changes.filter((one) => !isOlder(one));
    if (this.#deployment && this.#deployment !== original) {
      changes.unshift({ kind: "deployment", deployment: this.#deployment });
    }
    const steps: Step[] = [...this.#steps];
    if (changes.length > 0) {
      steps.unshift({ do: "record", changes, why: [...this.#whys].join("; ") || "the deployment continues" });
    }
    const why = steps.map((step) => step.why).join("; ") || (this.#againAfterMs === null ? "at rest" : "waiting");
    return { steps, deployment: this.#deployment?.id ?? null, againAfterMs: this.#againAfterMs, why };
  }
}
