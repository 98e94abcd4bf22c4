import { asFault, Fault, unreachable } from "../base/faults.ts";
import type { EnvKey } from "../model/environment.ts";
import type { EventKind } from "../model/event.ts";
import type { Upstream } from "../model/route.ts";
import { type Step, subjectOf } from "../plan/plan.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock } from "../ports/clock.ts";
import type { Edge } from "../ports/edge.ts";
import type { Change, Journal } from "../ports/journal.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Vault } from "../ports/vault.ts";
import { fillBuildEnv, fillEnv } from "./values.ts";

export interface ExecutorDeps {
  readonly journal: Journal;
  readonly runtime: Runtime;
  readonly edge: Edge;
  readonly builder: Builder;
  readonly vault: Vault;
  readonly clock: Clock;
  /** Stores the rest of an ended instance's output, so that nothing is lost when it is removed. */
  readonly takeOutput: (name: string) => Promise<void>;
  readonly forgetOutput: (name: string) => Promise<void>;
  /**
   * Starts reading the output of an instance that is about to start. Never rejects: a start does not wait for its log.
   */
  readonly beginOutput: (name: string) => Promise<void>;
}

/** The environment of a step, and its running deployment. */
export interface StepScope {
  readonly key: EnvKey;
  readonly deployment: string | null;
}

/**
 * Executes one step of a plan, without decisions of its own. A step of a deployment is recorded before and after, with
 * its fault; for other steps only events are recorded. Faults: the step's own.
 */
export async function execute(deps: ExecutorDeps, whose: StepScope, step: Step): Promise<void> {
  const { journal, clock } = deps;
  if (step.do === "record") return journal.commit(step.changes);
  const { key, deployment } = whose;
  if (deployment === null) {
    await act(deps, whose, step);
    const changes = changesOf(whose, clock.now(), step);
    return changes.length > 0 ? journal.commit(changes) : undefined;
  }
  const id = await journal.steps.begin({
    key,
    deployment,
    what: step.do,
    subject: subjectOf(step),
    why: step.why,
    begunAt: clock.now(),
  });
  try {
    await act(deps, whose, step);
  } catch (thrown) {
    const fault = asFault(thrown);
    await journal.commit([{ kind: "step.ended", id, at: clock.now(), fault: fault.toRecord() }]);
    throw fault;
  }
  const at = clock.now();
  await journal.commit([{ kind: "step.ended", id, at, fault: null }, ...changesOf(whose, at, step)]);
}

async function act(
  deps: ExecutorDeps,
  { key, deployment }: StepScope,
  step: Exclude<Step, { do: "record" }>,
): Promise<void> {
  const { runtime, edge, builder } = deps;
  switch (step.do) {
    case "build": {
      const variables = await fillBuildEnv(deps, key, step.artifact);
      return builder.build(step.artifact, { key, release: step.release, deployment: deployment ?? "none" }, variables);
    }
    case "run-task":
      return runtime.startTask({ ...step.task, env: await fillEnv(deps, key, step.task.env) });
    case "start":
      // A previous one of this name was read up to here, if the controller died between removing it and deleting the
      // position.
      await deps.beginOutput(step.instance.name);
      return runtime.start({ ...step.instance, env: await fillEnv(deps, key, step.instance.env) });
    case "signal":
      return runtime.signal(step.name, step.signal);
    case "remove":
      await deps.takeOutput(step.name);
      await runtime.remove(step.name);
      return deps.forgetOutput(step.name);
    case "start-edge":
      return edge.ensure();
    case "route":
      for (const newcomer of step.newcomers) await holdsItsPort(runtime, newcomer);
      return edge.apply(step.table);
    case "unroute":
      return edge.remove(step.owner);
    default:
      return unreachable(step);
  }
}

/** Fault `gate.port-taken` if another process answers for an instance that is about to get traffic. */
async function holdsItsPort(runtime: Runtime, { id, port }: Upstream): Promise<void> {
  const stranger = await runtime.strangerAt(id);
  if (!stranger?.isThere) return;
  throw new Fault("gate.port-taken", `${id} has PORT=${port}, but ${stranger.who} answers there; no route was changed`);
}

interface Told {
  readonly kind: EventKind;
  readonly subject: string;
  readonly detail: string;
}

/** The event for an executed step. */
function eventOf(step: Step): readonly Told[] {
  if (step.do === "start") return [{ kind: "instance.started", subject: step.instance.name, detail: step.why }];
  if (step.do === "route") return [{ kind: "routes.applied", subject: step.table.owner, detail: step.why }];
  if (step.do === "unroute") return [{ kind: "routes.applied", subject: step.owner, detail: step.why }];
  return [];
}

function changesOf({ key, deployment }: StepScope, at: number, step: Step): readonly Change[] {
  return eventOf(step).map((told) => ({ kind: "event", event: { at, key, deployment, ...told } }));
}
