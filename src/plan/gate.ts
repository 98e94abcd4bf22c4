import { formatDuration } from "../base/duration.ts";
import { type FaultCode, type FaultRecord, faults } from "../base/faults.ts";
import type { Exit, ObservedInstance, ProbeState } from "../model/instance.ts";
import type { ServiceSpec } from "../model/release.ts";
import type { Snapshot } from "./plan.ts";

/** The gate of an instance of a release from before every service had a probe: connections accepted this often in a row. */
export const tcpGate = { times: 2, everyMs: 1_000, withinMs: 30_000 } as const;

/** Bad readiness answers in a row after which a serving instance gets no more traffic. */
export const unreadyAfter = 3;

/** How soon to judge an instance again whose time is over but whose answers were good, or that was never probed. */
const askedAgainMs = 1_000;

/** An app may open another port first, or its own on another address: after this time it is reported. */
const misplacedAfterMs = 2_000;

/** An answer older than this, from before the time was over, says nothing: no controller probed since. */
const freshMs = 100;

export type GateVerdict =
  | { readonly state: "passed"; readonly gate: string }
  /** Undecided; after `inMs` time alone may decide it. `warning`: what is wrong so far, e.g. the port it listens on. */
  | { readonly state: "waiting"; readonly inMs: number; readonly warning?: string }
  | { readonly state: "failed"; readonly fault: FaultRecord };

export function faultOf(code: FaultCode, detail: string, hint: string = faults[code].hint): FaultRecord {
  return { code, detail, hint };
}

/** The gate of a service in words, for people. */
export function gateWords(service: ServiceSpec): string {
  if (!service.http) return `up for ${formatDuration(service.settleMs)}`;
  const ready = service.http.ready;
  if (!ready) return `accepts connections, ${tcpGate.times} in a row (no ready probe given)`;
  const body = ready.json.map((wanted) => `${wanted.path.join(".")} is ${JSON.stringify(wanted.equals)}`);
  const asked = `GET ${ready.path} → ${ready.status}`;
  const times = `${ready.times} in a row${isDefault(service) ? " (no ready probe given)" : ""}`;
  return [asked, ...body, times].join(", ");
}

/** Whether its manifest names no path to ask. */
export function isDefault({ http }: ServiceSpec): boolean {
  return http?.ready?.status === "below 500";
}

/** Good answers in a row that a service needs to get traffic. */
export function timesWanted(service: ServiceSpec): number {
  return service.http?.ready?.times ?? tcpGate.times;
}

/** Judges an instance that has not passed its gate yet. */
export function judgeGate(s: Snapshot, service: ServiceSpec, instance: ObservedInstance): GateVerdict {
  if (instance.exit) return { state: "failed", fault: crashFault(service, instance) };
  const age = s.now - instance.startedAt;
  const probe = s.probes[instance.name];
  if (!service.http) {
    if (age >= service.settleMs) return { state: "passed", gate: gateWords(service) };
    return { state: "waiting", inMs: service.settleMs - age };
  }
  if (probe?.stranger) return { state: "failed", fault: strangerFault(service, instance, probe.stranger) };
  if (probe && probe.readyInRow >= timesWanted(service)) return { state: "passed", gate: gateWords(service) };
  const withinMs = service.http.ready?.withinMs ?? tcpGate.withinMs;
  const misplaced = misplacedFault(service, instance, probe);
  const limitMs = misplaced ? misplacedLimit(service, misplaced, withinMs) : withinMs;
  if (misplaced && age >= limitMs) return { state: "failed", fault: misplaced };
  if (misplaced && age >= misplacedAfterMs) return { state: "waiting", inMs: limitMs - age, warning: misplaced.detail };
  if (misplaced) return { state: "waiting", inMs: Math.min(limitMs, misplacedAfterMs) - age };
  if (age < withinMs) return { state: "waiting", inMs: withinMs - age };
  // Its time may have passed while no controller probed it: only a bad answer fails it.
  if (!probe || probe.unreadyInRow === 0) return { state: "waiting", inMs: askedAgainMs };
  const { lastAgoMs = 0 } = probe;
  if (lastAgoMs > freshMs && age - lastAgoMs < withinMs) return { state: "waiting", inMs: askedAgainMs };
  return { state: "failed", fault: lateFault(service, probe, withinMs) };
}

function crashFault(service: ServiceSpec, instance: ObservedInstance): FaultRecord {
  return faultOf("gate.crashed", `${service.name} ${exitWords(instance)} before it was ready`);
}

function strangerFault({ name }: ServiceSpec, { address }: ObservedInstance, words: string): FaultRecord {
  return faultOf("gate.port-taken", `${name} has PORT=${address?.port}, but ${words}`);
}

function lateFault(service: ServiceSpec, { lastAnswer }: ProbeState, withinMs: number): FaultRecord {
  return faultOf(
    "gate.not-ready",
    `${service.name} was not ready within ${formatDuration(withinMs)}; wanted ${gateWords(service)}; last answer: ${lastAnswer ?? "no answer yet"}`,
  );
}

/**
 * When one that does not listen where it should has failed: after a third of the time if it listens only on other
 * ports. A probe of the manifest has all of its `within`, because some apps open a port for a debugger or for metrics
 * long before their own; the own port on another address may be seen in the moment in which an app comes up.
 */
function misplacedLimit(service: ServiceSpec, { code }: FaultRecord, withinMs: number): number {
  return isDefault(service) && code === "gate.wrong-port" ? Math.round(withinMs / 3) : withinMs;
}

/** What is wrong with the address on which an instance listens; null if nothing is, or nothing is known. */
function misplacedFault({ name, http }: ServiceSpec, { address }: ObservedInstance, probe: ProbeState | undefined) {
  const found = probe?.listensOn ?? [];
  if (found.length === 0 || address === null) return null;
  if (found.includes(address.port)) {
    const words = `${name} listens on port ${address.port}, but not where it can be reached: ${address.host} refuses connections`;
    return faultOf("gate.unreachable", words);
  }
  const words = `${name} listens on port ${found.join(" and ")}, but PORT=${address.port} was set and nothing listens there`;
  // A plain process has a port of the pool, which no setting changes.
  const [port] = found.length === 1 && http?.port === address.port ? found : [];
  const hint = `${faults["gate.wrong-port"].hint} For a program that cannot, write \`http: { port: ${port} }\`.`;
  return faultOf("gate.wrong-port", words, port === undefined ? undefined : hint);
}

/** How a command ended, in a word or two. */
export function commandEnd({ code, signal, reason }: Exit): string {
  return code === null ? (signal ?? reason) : `exit ${code}`;
}

/** How an instance ended, in words. */
export function exitWords(instance: ObservedInstance): string {
  const exit = instance.exit;
  if (!exit) return "is running";
  switch (exit.reason) {
    case "could-not-start":
      return `could not be started (exit ${exit.code})`;
    case "out-of-memory":
      return "was killed because it ran out of memory";
    case "signalled":
      return `was terminated by ${exit.signal}`;
    case "exited":
      return `exited with ${exit.code}`;
    case "lost":
      return "disappeared";
  }
}
