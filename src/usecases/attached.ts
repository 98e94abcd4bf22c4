import type { EnvKey } from "../model/environment.ts";
import type { Exit, ObservedTask, Planned, TaskSpec, TerminalSize } from "../model/instance.ts";
import type { Attachment } from "../ports/runtime.ts";
import type { Call } from "./access.ts";
import { findTask, killWithinMs, prepareTask, type StartedTask, type TaskOrder, taskEnd } from "./tasks.ts";

/** How long a task may take to end after its client is gone: SIGHUP comes first, SIGKILL after this time. */
const hangUpMs = 5_000;

export interface AttachedOrder extends TaskOrder {
  /** `type`: its variable TERM, which no other variable replaces. Null: three pipes. */
  readonly terminal: (TerminalSize & { readonly type: string }) | null;
}

/** A task whose streams are a client's. */
export class AttachedTask {
  readonly spec: Planned<TaskSpec>;
  readonly streams: Attachment;
  readonly #call: Call;

  constructor(call: Call, spec: Planned<TaskSpec>, streams: Attachment) {
    this.#call = call;
    this.spec = spec;
    this.streams = streams;
  }

  async started(): Promise<StartedTask> {
    return { spec: this.spec, observed: await findTask(this.#call, this.spec) };
  }

  /** As soon as it has ended. Null: somebody has removed it. */
  ended(): Promise<ObservedTask | null> {
    return taskEnd(this.#call, this.spec);
  }

  /** Why it could not be started, as a program would write it; otherwise nothing. */
  async explanation({ reason }: Exit): Promise<Uint8Array> {
    if (reason !== "could-not-start") return new Uint8Array();
    const range = { stream: "stderr", offset: 0, limit: 64 * 1024 } as const;
    return (await this.#call.deps.runtime.readOutput(this.spec.name, range)).bytes;
  }

  /** Its client needs it no longer: ends it if it still runs, and removes it. */
  async leave(): Promise<void> {
    const { runtime } = this.#call.deps;
    const { name } = this.spec;
    try {
      this.streams.hangUp();
      for (const [signal, withinMs] of [
        ["SIGHUP", hangUpMs],
        ["SIGKILL", killWithinMs],
      ] as const) {
        if ((await taskEnd(this.#call, this.spec, 0))?.exit !== null) break;
        await runtime.signal(name, signal);
        await taskEnd(this.#call, this.spec, withinMs);
      }
      await runtime.remove(name);
    } finally {
      this.streams.release();
    }
  }
}

/** Runs a command once, as `beginTask` does, for a client that is there until its end. Faults: those of `beginTask`. */
export async function attachTask(call: Call, key: EnvKey, order: AttachedOrder): Promise<AttachedTask> {
  const { terminal } = order;
  const { spec, env } = await prepareTask(call, key, { ...order, purpose: "attached" });
  const own = terminal === null ? {} : { TERM: terminal.type };
  const streams = await call.deps.runtime.startAttached({ ...spec, env: { ...env, ...own } }, terminal);
  return new AttachedTask(call, spec, streams);
}
