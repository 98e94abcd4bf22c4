import { dataName } from "../../model/instance.ts";
import { unconfined } from "../../model/release.ts";
import type { ObservedData } from "../../model/workload.ts";
import type { SimulatedRuntime } from "./runtime.ts";
import { scriptKey } from "./script.ts";
import { caseNow } from "./words.ts";

const identity = { kind: "data", key: scriptKey, service: "db", attempt: 0 } as const;
const spec = {
  artifact: "postgres",
  command: null,
  env: {},
  port: 5_432,
  neighbours: [],
  volumes: [],
  tcpPorts: [],
  ...unconfined,
};

/** What runs in an environment and is for no plan to end: a data instance, and a workload of a later version. */
export const bystanders = {
  data: dataName(identity),
  unknown: `fl-${scriptKey.app}-${scriptKey.environment}-queue`,
} as const;

/** A data instance as it is observed; `code`: it has exited with it. */
export function dataInstance(service: string, code: number | null): ObservedData {
  const who = { ...identity, service };
  const exit = code === null ? null : ({ at: caseNow, code, signal: null, reason: "exited" } as const);
  const at = { startedAt: caseNow, stopSignalAt: null, killedAt: null };
  return { name: dataName(who), identity: who, address: null, privatePorts: [], exit, ...at };
}

export async function placeBystanders(runtime: SimulatedRuntime): Promise<void> {
  await runtime.start({ name: bystanders.data, identity, ...spec });
  runtime.unknownKinds = [{ name: bystanders.unknown, key: scriptKey, kind: "queue" }];
}

export function isBystander(name: string): boolean {
  return Object.values(bystanders).some((one) => one === name);
}
