import type { FaultRecord } from "../../base/faults.ts";
import type { EnvKey } from "../../model/environment.ts";

/** A step of a deployment as recorded before and after its execution. `what` is the name of the step. */
export interface StepRecord {
  readonly id: number;
  readonly key: EnvKey;
  readonly deployment: string;
  readonly what: string;
  readonly subject: string;
  readonly why: string;
  readonly begunAt: number;
  readonly endedAt: number | null;
  readonly fault: FaultRecord | null;
}

/** The result of a step; the changes that follow from it are committed with it. */
export interface StepChange {
  readonly kind: "step.ended";
  readonly id: number;
  readonly at: number;
  readonly fault: FaultRecord | null;
}

export interface StepBook {
  /** Records that a step is about to be executed; returns its id. */
  begin(step: Omit<StepRecord, "id" | "endedAt" | "fault">): Promise<number>;
  /** In the order in which they began. */
  of(deployment: string): Promise<readonly StepRecord[]>;
}
