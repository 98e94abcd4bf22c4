import type { TaskView } from "../contract/tasks.ts";
import { releaseName } from "../model/release.ts";
import type { StartedTask } from "../usecases/tasks.ts";

/** RFC 3339 in UTC. */
export function timeText(at: number): string {
  return new Date(at).toISOString();
}

export function timeOrNull(at: number | null): string | null {
  return at === null ? null : timeText(at);
}

export function releaseOrNull(number: number | null | undefined): string | null {
  return number === null || number === undefined ? null : releaseName(number);
}

export function encodeTask(spec: StartedTask["spec"], observed: StartedTask["observed"]): TaskView {
  const { exit = null, startedAt = null } = observed ?? {};
  return {
    name: spec.name,
    service: spec.service,
    release: releaseName(spec.release),
    startedAt: timeOrNull(startedAt),
    exit: exit && { at: timeText(exit.at), code: exit.code, signal: exit.signal, reason: exit.reason },
  };
}
