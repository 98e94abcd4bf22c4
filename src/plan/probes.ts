import type { Address } from "../model/instance.ts";
import type { AliveProbe, ReadyProbe } from "../model/release.ts";
import { isDefault, tcpGate, timesWanted, unreadyAfter } from "./gate.ts";
import type { Snapshot } from "./plan.ts";
import { isGated, isStaying, serviceSpecOf } from "./view.ts";

/** An instance to probe, and how. */
export interface ProbeTarget {
  readonly name: string;
  readonly service: string;
  readonly release: number;
  readonly host: string;
  readonly address: Address;
  /** Null: only whether it accepts connections. */
  readonly ready: ReadyProbe | null;
  readonly everyMs: number;
  /** Good answers in a row that give it traffic, bad ones that remove it. */
  readonly times: number;
  readonly unreadyAfter: number;
  /** Only for instances that passed their gate: a starting one is not alive yet. */
  readonly alive: AliveProbe | null;
  readonly gated: boolean;
}

/** All instances with an address that run and stay. */
export function probeTargets(s: Snapshot): readonly ProbeTarget[] {
  return s.instances.flatMap((instance) => {
    const service = serviceSpecOf(s, instance);
    if (!service?.http || !instance.address || !isStaying(s, instance)) return [];
    const { ready, alive, hosts } = service.http;
    const gated = isGated(s, instance);
    return [
      {
        name: instance.name,
        service: service.name,
        release: instance.identity.release,
        host: hosts[0] ?? "localhost",
        address: instance.address,
        // Pages may be costly: once it serves, only whether it accepts connections is asked.
        ready: gated && isDefault(service) ? null : ready,
        everyMs: ready?.everyMs ?? tcpGate.everyMs,
        times: timesWanted(service),
        unreadyAfter,
        alive: gated ? alive : null,
        gated,
      },
    ];
  });
}

/** Running instances whose memory is limited, with the limit in bytes. */
export function memoryLimits(s: Snapshot): ReadonlyMap<string, number> {
  return new Map(
    s.instances.flatMap((instance) => {
      const limit = serviceSpecOf(s, instance)?.memoryBytes ?? null;
      return limit === null || !isStaying(s, instance) ? [] : [[instance.name, limit] as const];
    }),
  );
}
