import type { Deployment } from "../model/deployment.ts";
import type { Serving } from "../model/environment.ts";
import { converge } from "./converge.ts";
import { endOverdue } from "./deadlines.ts";
import { advance, finishDrain, finishUndo, startable } from "./deploy.ts";
import { besideSlots, type DeploymentContext, end, nextServing, singleSlots } from "./deployment-context.ts";
import { faultOf } from "./gate.ts";
import type { Wanted } from "./leaving.ts";
import type { Plan, Snapshot } from "./plan.ts";
import { PlanBuilder } from "./plan-builder.ts";
import { awaitEnd, isDue, takeDown } from "./preview.ts";
import { redate } from "./redate.ts";
import { spareUpstreams, tableFor } from "./routes.ts";
import { explained, noteStrangers } from "./strangers.ts";
import { switchTable } from "./switch.ts";
import { withUnreadable } from "./unreadable.ts";
import { idOf, releaseOf, type Slot, slotId, slotsOf, underWay } from "./view.ts";
import { crashBehind } from "./watch.ts";

const nobody: ReadonlyMap<string, Serving> = new Map();

/** How soon to retry instances that cannot be inspected. */
const unreadableMs = 5_000;

/** What to do next in an environment. Pure and total: a result for every snapshot, the same for the same one. */
export function plan(world: Snapshot): Plan {
  const s = withUnreadable(explained(world));
  const builder = new PlanBuilder(s);
  if (s.isUnknown) return { ...builder.finish(null), why: "the journal does not know it: it is left alone" };
  // Nothing may report when it can be inspected again.
  if (s.unreadable.length > 0) builder.lookAgainIn(unreadableMs);
  if (isDue(s)) {
    takeDown(s, builder);
    return builder.finish(null);
  }
  awaitEnd(s, builder);
  const running = underWay(s);
  if (running) builder.take(running);
  redate(s, builder);
  if (running) endOverdue(s, builder);
  const begun = running ? s : beginNext(s, builder);
  const wanted = builder.deployment ? goOn(begun, builder) : atRest(begun, begun.environment.serving);
  noteStrangers(begun, builder);
  converge(begun, wanted, builder);
  return builder.finish(running ?? null);
}

/** What is wanted when no deployment is running. */
export function atRest(s: Snapshot, serving: Serving | null): Wanted {
  const served = s.environment.stopped ? null : serving;
  const table = tableFor(s, { base: served, next: null, share: 0, exchanged: nobody });
  return { slots: slotsOf(s, served), onTrial: new Set(), table };
}

/**
 * Takes the newest deployment of the queue; the older ones are superseded by it. Staging supersedes only other staging.
 * A restart does not supersede a release: it runs after that, and restarts what serves then.
 */
function beginNext(s: Snapshot, builder: PlanBuilder): Snapshot {
  const { deployments } = s; // oldest first; creation times would be wrong after the clock was set back
  const next =
    deployments.findLast(({ kind }) => kind !== "stage" && kind !== "restart") ??
    deployments.findLast(({ kind }) => kind !== "stage") ??
    deployments.at(-1);
  if (!next) return s;
  for (const older of deployments.slice(0, deployments.indexOf(next))) supersede(older, { by: next, builder });
  const { serving } = s.environment;
  const previous = s.environment.stopped ? null : serving;
  const release = next.kind === "restart" && serving ? serving.release : next.release;
  builder.take({ ...next, previous, release });
  if (next.cancelRequested) {
    builder.change({ verdict: "cancelled", fault: faultOf("deployment.cancelled", "cancelled while queued") });
    end({ builder, s });
    return s;
  }
  builder.enter("prepare");
  if (!s.environment.stopped || next.kind === "stage") return s;
  builder.record({ kind: "stopped", key: s.key, stopped: false }, "a deployment starts the environment again");
  return { ...s, environment: { ...s.environment, stopped: false } };
}

function supersede(older: Deployment, { by, builder }: { by: Deployment; builder: PlanBuilder }): void {
  const verdict = older.cancelRequested ? "cancelled" : "superseded";
  const code = older.cancelRequested ? "deployment.cancelled" : "deployment.superseded";
  const fault = faultOf(code, older.cancelRequested ? "cancelled while queued" : `replaced by ${by.id}`);
  builder.close(older, { verdict, fault });
}

/** Advances the running deployment as far as possible, and returns what is desired then. */
function goOn(s: Snapshot, builder: PlanBuilder): Wanted {
  const deployment = builder.current;
  const release = releaseOf(s, deployment.release);
  if (!release) {
    const fault = faultOf("release.unknown", `v${deployment.release} is not in the journal`);
    builder.change({ verdict: "failed", fault });
    end({ builder, s });
    return atRest(s, s.environment.serving);
  }
  const next = nextServing(deployment, release);
  const context: DeploymentContext = { s, builder, release, next, previous: deployment.previous };
  advance(context);
  const wanted = wantedNow(context);
  if (builder.current.phase === "undo") {
    const behind = builder.current.fault?.code === "watch.errors" ? crashBehind(s, next) : null;
    if (behind) builder.change(behind);
    finishUndo(context, wanted);
  }
  if (builder.current.phase === "drain") finishDrain(context, wanted);
  return wanted;
}

function wantedNow(context: DeploymentContext): Wanted {
  const { s, builder, next, previous } = context;
  const before = atRest(s, previous);
  switch (builder.current.phase) {
    case "start":
    case "gate":
      return {
        slots: [...before.slots, ...startable(context)],
        onTrial: trialOf(context),
        table: switchTable(context),
      };
    case "switch":
      return { slots: switchSlots(context), onTrial: trialOf(context), table: switchTable(context) };
    case "watch":
      return { slots: watchSlots(context), onTrial: trialOf(context), table: switchTable(context) };
    case "drain":
      return atRest(s, next);
    case "undo":
      return { slots: [...before.slots, ...spareSlots(context)], onTrial: new Set(), table: undoTable(context) };
    case "queued":
    case "prepare":
    case "build":
    case "protect":
    case "release":
    case "ended":
      return before;
  }
}

/** New instances must pass their gate once: if one fails, the deployment fails, so none is restarted. */
function trialOf(context: DeploymentContext): ReadonlySet<string> {
  return new Set([...besideSlots(context), ...singleSlots(context)].map(idOf));
}

function switchSlots(context: DeploymentContext): readonly Slot[] {
  const { exchanged } = context.builder.current;
  const old = slotsOf(context.s, context.previous).filter((slot) => !exchanged.includes(slot.service.name));
  const singles = singleSlots(context).filter((slot) => exchanged.includes(slot.service.name));
  return [...old, ...besideSlots(context), ...singles];
}

/** Old instances with traffic stay for a rollback; old workers stop, so that no work is done twice for long. */
function watchSlots(context: DeploymentContext): readonly Slot[] {
  const fresh = slotsOf(context.s, context.next);
  const places = new Set(fresh.map(idOf));
  const { exchanged } = context.builder.current;
  const old = slotsOf(context.s, context.previous).filter(
    (slot) => slot.service.http !== null && !exchanged.includes(slot.service.name) && !places.has(idOf(slot)),
  );
  return [...old, ...fresh];
}

function undoTable({ s, builder, next, previous }: DeploymentContext) {
  if (s.environment.stopped) return null;
  const exchanged = new Map(previous ? builder.current.exchanged.map((name) => [name, previous]) : []);
  return tableFor(s, { base: previous, next: null, share: 0, spare: next, exchanged });
}

/** Places of a release that is rolled back whose instances answer for lack of others. */
function spareSlots({ s, next, previous }: DeploymentContext): readonly Slot[] {
  if (s.environment.stopped) return [];
  return slotsOf(s, next).filter((slot) => {
    if (slot.service.single) return false;
    const spare = spareUpstreams(s, { base: previous, spare: next }, slot.service.name);
    return spare.some(({ identity }) => slotId(identity) === idOf(slot));
  });
}
