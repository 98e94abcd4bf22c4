import { formatDuration } from "../base/duration.ts";
import type { FaultCode, FaultRecord } from "../base/faults.ts";
import type { CheckResult } from "../model/deployment.ts";
import type { Serving } from "../model/environment.ts";
import type { WatchPolicy } from "../model/release.ts";
import { writtenWords } from "../model/written.ts";
import { sicknessOf, wasUnwanted } from "./converge.ts";
import { exitWords, faultOf } from "./gate.ts";
import type { Snapshot } from "./plan.ts";
import { instancesOf, isGated, slotsOf } from "./view.ts";

/** Fewer requests than this say nothing about a share or a percentile … */
const enoughRequests = 20;
/** … except when this many failed and most did. */
const plainlyBroken = { failures: 5, share: 0.5 } as const;

export interface Blame {
  readonly fault: FaultRecord;
  /** The instance whose log lines explain it. */
  readonly culprit: string | null;
}

/** Why a release with traffic must be rolled back; null while there is no reason. */
export function watchVerdict(s: Snapshot, compared: WatchSubject): Blame | null {
  return crashed(s, compared.next) ?? failing(s, compared) ?? slow(s, compared);
}

function crashed(s: Snapshot, next: Serving): Blame | null {
  for (const slot of slotsOf(s, next)) {
    for (const instance of instancesOf(s, slot)) {
      // One that a smaller scale removed may still exist when its place is needed again.
      if (wasUnwanted(s, instance)) continue;
      const culprit = instance.name;
      const who = `${slot.service.name} v${slot.release.number}`;
      if (instance.exit && isGated(s, instance)) {
        return { fault: faultOf("watch.crashed", `${who} ${exitWords(instance)} after the switch`), culprit };
      }
      const sickness = sicknessOf(s, slot, instance);
      if (sickness) return { fault: faultOf("watch.crashed", `${who} ${sickness.words} after the switch`), culprit };
    }
  }
  return null;
}

/**
 * The crash behind failed requests: the engine may report an end later than the edge reports its consequences. Only
 * ends that Fairlead did not cause count.
 */
export function crashBehind(s: Snapshot, next: Serving): Blame | null {
  for (const slot of slotsOf(s, next)) {
    for (const instance of instancesOf(s, slot)) {
      const { exit, stopSignalAt, killedAt, name } = instance;
      if (!exit || !isGated(s, instance) || exit.at >= (stopSignalAt ?? killedAt ?? Number.POSITIVE_INFINITY)) continue;
      const detail = `${slot.service.name} v${slot.release.number} ${exitWords(instance)} after the switch`;
      return { fault: faultOf("watch.crashed", detail), culprit: name };
    }
  }
  return null;
}

interface Traffic {
  readonly requests: number;
  readonly failures: number;
  readonly p95Ms: number;
  readonly culprit: string | null;
}

function trafficOf(s: Snapshot, serving: Serving | null): Traffic {
  let requests = 0;
  let failures = 0;
  let p95Ms = 0;
  let worst = { name: null as string | null, failures: -1 };
  for (const slot of slotsOf(s, serving)) {
    for (const { name } of instancesOf(s, slot)) {
      const stats = s.edge.stats[name];
      if (!stats) continue;
      requests += stats.requests;
      failures += stats.failures;
      p95Ms = Math.max(p95Ms, stats.p95Ms);
      if (stats.failures > worst.failures) worst = { name, failures: stats.failures };
    }
  }
  return { requests, failures, p95Ms, culprit: worst.name };
}

/** Which release is watched, which one it is compared with, and the limits. */
export interface WatchSubject {
  readonly next: Serving;
  readonly previous: Serving | null;
  readonly policy: WatchPolicy;
}

function failing(s: Snapshot, { next, previous, policy }: WatchSubject): Blame | null {
  const fresh = trafficOf(s, next);
  const old = trafficOf(s, previous);
  const share = fresh.requests === 0 ? 0 : fresh.failures / fresh.requests;
  const oldShare = old.requests < enoughRequests ? 0 : old.failures / old.requests;
  const enough =
    fresh.requests >= enoughRequests || (fresh.failures >= plainlyBroken.failures && share >= plainlyBroken.share);
  // A release that is no worse than the previous one is not rolled back, because that would not help.
  if (!enough || share <= policy.errors || share <= 2 * oldShare) return null;
  const detail = `${fresh.failures} of ${fresh.requests} requests failed after the switch (limit ${percent(policy.errors)}, before ${percent(oldShare)})`;
  return { fault: faultOf("watch.errors", detail), culprit: fresh.culprit };
}

function slow(s: Snapshot, { next, policy }: WatchSubject): Blame | null {
  const fresh = trafficOf(s, next);
  if (policy.p95Ms === null || fresh.requests < enoughRequests || fresh.p95Ms <= policy.p95Ms) return null;
  const detail = `95 of 100 requests took up to ${formatDuration(fresh.p95Ms)} after the switch (limit ${formatDuration(policy.p95Ms)})`;
  return { fault: faultOf("watch.slow", detail), culprit: fresh.culprit };
}

/** Observations of a release since the switch: log, errors, times. Only those that cause a rollback have failed. */
export function reportOf(
  s: Snapshot,
  { next, previous, policy }: WatchSubject,
  blame: Blame | null,
): readonly Pick<CheckResult, "name" | "outcome" | "detail">[] {
  const { requests, failures, p95Ms } = trafficOf(s, next);
  const outcome = (isOver: boolean, code: FaultCode) =>
    blame?.fault.code === code ? "failed" : isOver ? "warned" : "passed";
  const limit = policy.p95Ms === null ? "no limit" : `limit ${formatDuration(policy.p95Ms)}`;
  const nothing = "no requests";
  const lines = errorLinesOf(s, next);
  const fronts = frontsOf(s, next).map((detail) => ({ name: "front-page", outcome: "warned", detail }) as const);
  const files = filesOf(s, [previous, next]).map((detail) => ({ name: "files", outcome: "warned", detail }) as const);
  return [
    ...fronts,
    ...files,
    {
      name: "logs",
      outcome: lines > 0 ? "warned" : "passed",
      detail: `${lines} ${lines === 1 ? "line" : "lines"} of level error`,
    },
    {
      name: "errors",
      outcome: outcome(failures > requests * policy.errors, "watch.errors"),
      detail: requests === 0 ? nothing : `${failures} of ${requests} requests failed (limit ${percent(policy.errors)})`,
    },
    {
      name: "response-time",
      outcome: outcome(policy.p95Ms !== null && p95Ms > policy.p95Ms, "watch.slow"),
      detail: requests === 0 ? nothing : `95 of 100 answers within ${formatDuration(p95Ms)} (${limit})`,
    },
  ];
}

/** Services that are ready by their own probe and answer visitors with a fault. */
function frontsOf(s: Snapshot, serving: Serving): readonly string[] {
  const said = slotsOf(s, serving).flatMap(({ service, ...slot }) =>
    instancesOf(s, { service, ...slot }).flatMap(({ name }) => {
      const front = s.probes[name]?.front ?? null;
      return front === null ? [] : [`${service.name} is ready, but ${front}`];
    }),
  );
  return [...new Set(said)];
}

/** What instances wrote beside their code, by releases and services. */
function filesOf(s: Snapshot, sides: readonly (Serving | null)[]): readonly string[] {
  const said = sides
    .flatMap((side) => slotsOf(s, side))
    .flatMap((slot) =>
      instancesOf(s, slot).flatMap(({ name }) => {
        const words = writtenWords(s.written[name] ?? []);
        return words === null ? [] : [`${slot.service.name} v${slot.release.number} ${words}`];
      }),
    );
  return [...new Set(said)];
}

function errorLinesOf(s: Snapshot, serving: Serving): number {
  const instances = slotsOf(s, serving).flatMap((slot) => instancesOf(s, slot));
  return instances.reduce((sum, { name }) => sum + (s.errorLines[name] ?? 0), 0);
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}
