import { Fault } from "../base/faults.ts";
import { newId } from "../base/ids.ts";
import { fillEnv } from "../engine/values.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import type { ObservedTask, Planned, TaskSpec } from "../model/instance.ts";
import { confinementOf, internalHosts, serviceOf } from "../model/release.ts";
import type { OutputStream } from "../ports/runtime.ts";
import { type Call, environmentOf } from "./access.ts";
import { audited } from "./audit.ts";
import { refuseOthers } from "./guard.ts";
import { Wakeup } from "./wakeup.ts";

/** Bytes of output read at once. */
const chunkBytes = 64 * 1024;
/** How often to check for output without a report. */
const pollMs = 250;
/** How long a killed task may take to end; after SIGKILL it depends only on the kernel. */
export const killWithinMs = 10_000;

export interface TaskOrder {
  readonly service?: string | undefined;
  readonly command: readonly string[];
}

/** A requested task; `observed` is null until the runtime shows it. */
export interface StartedTask {
  readonly spec: Planned<TaskSpec>;
  readonly observed: ObservedTask | null;
}

/**
 * Runs a command once, in the artifact and with the variables of a service of the serving release. Faults: `app.unknown`,
 * `release.none-before` when nothing serves, `service.unknown`, `protected.not-allowed`.
 */
export async function beginTask(call: Call, key: EnvKey, order: TaskOrder): Promise<StartedTask> {
  const { spec, env } = await prepareTask(call, key, { ...order, purpose: "run" });
  await call.deps.runtime.startTask({ ...spec, env });
  return { spec, observed: await findTask(call, spec) };
}

/** What a task is started with, recorded as an action of whoever asked. Faults: those of `beginTask`. */
export async function prepareTask(
  call: Call,
  key: EnvKey,
  { purpose, ...order }: TaskOrder & Pick<TaskSpec, "purpose">,
): Promise<{ readonly spec: Planned<TaskSpec>; readonly env: TaskSpec["env"] }> {
  const { journal, clock } = call.deps;
  const { serving } = await environmentOf(call, key);
  await refuseOthers(call, key);
  const release = serving && (await journal.releases.find(key, serving.release));
  const hint = "Start it first with `fairlead deploy`, or with `fairlead rollback`.";
  if (!release) {
    throw new Fault("release.none-before", `${keyText(key)} serves nothing whose code can be run`, { hint });
  }
  const service = order.service === undefined ? release.services[0] : serviceOf(release, order.service);
  if (!service) throw new Fault("service.unknown", `${keyText(key)} has no service ${order.service ?? "at all"}`);
  const spec: Planned<TaskSpec> = {
    name: `fl-${key.app}-${key.environment}-run-${newId("t", clock.now()).slice(2)}`,
    key,
    purpose,
    service: service.name,
    release: release.number,
    deployment: null,
    artifact: service.artifact,
    command: order.command,
    env: service.env,
    neighbours: internalHosts(release),
    ...confinementOf(service),
  };
  // A command can read every variable of the service. Its arguments may contain values, so they are not recorded.
  await journal.commit([audited(call, { action: "run", key, names: [service.name], detail: spec.name })]);
  return { spec, env: await fillEnv(call.deps, key, spec.env) };
}

/** A task as the runtime shows it; null: it does not, or it has another purpose. */
export async function findTask(
  { deps }: Call,
  { key, name, purpose }: Pick<TaskSpec, "key" | "name" | "purpose">,
): Promise<ObservedTask | null> {
  const { tasks } = await deps.runtime.observe(key);
  return tasks.find((task) => task.name === name && task.spec.purpose === purpose) ?? null;
}

/** A task that was begun by `beginTask`; faults: `task.unknown`, `protected.not-allowed`. */
export async function readTask(call: Call, key: EnvKey, name: string): Promise<ObservedTask> {
  await refuseOthers(call, key);
  const task = await findTask(call, { key, name, purpose: "run" });
  if (!task)
    throw new Fault("task.unknown", `${keyText(key)} has no task ${name}; ended ones are deleted after a while`);
  return task;
}

/** What to read of a task. */
export interface OutputOrder {
  readonly name: string;
  readonly stream: OutputStream;
  readonly signal: AbortSignal;
}

/** Output of a task byte for byte from its start, until it has ended or `signal`. Faults, before the first byte: `task.unknown`. */
export async function followOutput(call: Call, key: EnvKey, order: OutputOrder): Promise<AsyncGenerator<Uint8Array>> {
  await readTask(call, key, order.name);
  return outputOf(call, key, order);
}

async function* outputOf(call: Call, key: EnvKey, { name, stream, signal }: OutputOrder): AsyncGenerator<Uint8Array> {
  const { runtime, clock } = call.deps;
  const wakeup = new Wakeup(clock, signal);
  const leave = runtime.changes((change) => change.name === name && wakeup.ring());
  try {
    for (let offset = 0; !signal.aborted; ) {
      // Checked before reading, so that all output before its end is read.
      const task = await findTask(call, { key, name, purpose: "run" });
      const { at, bytes } = await runtime.readOutput(name, { stream, offset, limit: chunkBytes });
      const isMore = at + bytes.length !== offset;
      offset = at + bytes.length;
      if (bytes.length > 0) yield bytes;
      else if (isMore) continue;
      else if (!task || task.exit) return;
      else await wakeup.wait(pollMs);
    }
  } finally {
    leave();
  }
}

/** Kills a task if it still runs, and removes it with its output. Faults: `task.unknown`. */
export async function removeTask(call: Call, key: EnvKey, name: string): Promise<void> {
  const { runtime } = call.deps;
  const { spec, exit } = await readTask(call, key, name);
  if (!exit) {
    await runtime.signal(name, "SIGKILL");
    await taskEnd(call, spec, killWithinMs);
  }
  await runtime.remove(name);
}

/** A task as soon as it has ended, or after `withinMs`; null: the runtime does not have it. */
export async function taskEnd(
  call: Call,
  spec: Pick<TaskSpec, "key" | "name" | "purpose">,
  withinMs = Number.POSITIVE_INFINITY,
): Promise<ObservedTask | null> {
  const { runtime, clock } = call.deps;
  const wakeup = new Wakeup(clock, new AbortController().signal);
  const deadline = performance.now() + withinMs;
  const leave = runtime.changes((change) => change.name === spec.name && wakeup.ring());
  try {
    for (;;) {
      const task = await findTask(call, spec);
      if (!task || task.exit || performance.now() >= deadline) return task;
      await wakeup.wait(pollMs);
    }
  } finally {
    leave();
  }
}
