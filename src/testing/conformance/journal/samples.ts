import type { FaultCode } from "../../../base/faults.ts";
import { type Deployment, newDeployment } from "../../../model/deployment.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Event } from "../../../model/event.ts";
import type { InstanceFacts } from "../../../model/instance.ts";
import { plainBuild, type Release } from "../../../model/release.ts";
import type { Change } from "../../../ports/journal.ts";

const key: EnvKey = { app: "shop", environment: "production" };

export function aRelease(number: number, more: Partial<Release> = {}): Release {
  return {
    key,
    number,
    createdAt: 1_000 + number,
    createdBy: "ada",
    message: null,
    source: "sha256:00",
    artifacts: [{ digest: "sha256:01", source: "sha256:00", ...plainBuild, command: ["make"] }],
    services: [],
    deploy: { watch: { forMs: 1_000, errors: 0.01, p95Ms: null }, canary: null, keep: 10 },
    ...{
      secrets: ["TOKEN"],
      allowed: [],
      branch: "main",
      commit: { id: "a".repeat(40), dirty: true },
      protection: null,
    },
    manifest: "version: 1 # é\n",
    ...more,
  };
}

/** A deployment whose id sorts by `place`, as real ids sort by time. */
export function aDeployment(place: number, more: Partial<Deployment> = {}): Deployment {
  const begin = { kind: "deploy", release: place, services: null, previous: null, createdBy: "ada" } as const;
  const id = `dep_${String(place).padStart(6, "0")}`;
  return { ...newDeployment({ ...begin, id, key, createdAt: 1_000 * place }), ...more };
}

export function ended(place: number, verdict: Deployment["verdict"], more: Partial<Deployment> = {}): Deployment {
  return aDeployment(place, { phase: "ended", verdict, endedAt: 1_000 * place + 500, ...more });
}

export function anEvent(at: number, more: Partial<Event> = {}): Change {
  const event = { at, key, kind: "deployment.phase", deployment: null, subject: null, detail: `at ${at}` } as const;
  return { kind: "event", event: { ...event, ...more } };
}

export function facts(name: string, more: Partial<InstanceFacts> = {}): InstanceFacts {
  return { name, gatedAt: null, retiredAt: null, retiredBecause: null, ...more };
}

/** The code of the fault that a promise is rejected with. */
export async function codeOf(work: Promise<unknown>): Promise<FaultCode | "none"> {
  return work.then(
    () => "none",
    (thrown) => thrown.code,
  );
}
