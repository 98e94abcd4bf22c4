import { readdirSync } from "node:fs";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { listeningSockets, procText, unlessGone } from "../../../host/proc.ts";
import type { Usage } from "../../../model/instance.ts";

interface Stats {
  readonly memory_stats: { readonly usage?: number; readonly stats?: Readonly<Record<string, number>> };
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } };
  readonly pids_stats: { readonly current?: number };
}

/** A running container, with the host's number of its first process. */
export interface Running {
  readonly id: string;
  readonly pid: number;
}

/** What a running container uses; null when it runs no more. */
export async function containerUsage(engine: ContainerEngine, { id, pid }: Running): Promise<Usage | null> {
  const query = { stream: false, "one-shot": true };
  try {
    // Nothing is answered, with status 200, when the container ends while the engine looks.
    const stats = await engine.json<Stats | null>("GET", `/containers/${id}/stats`, { query });
    const { usage, stats: parts = {} } = stats?.memory_stats ?? {};
    if (stats === null || usage === undefined) return null;
    // What the kernel may take back at once is not counted: as `docker stats` does, by the names of cgroup v1 and v2.
    const idle = parts.total_inactive_file ?? parts.inactive_file ?? 0;
    return {
      memoryBytes: Math.max(0, usage - idle),
      cpuMs: stats.cpu_stats.cpu_usage.total_usage / 1e6,
      processes: (isOurs({ id, pid }) ? countOf(pid) : null) ?? Math.max(0, (stats.pids_stats.current ?? 1) - 1),
    };
  } catch (thrown) {
    if (isRefusal(thrown, 404, 409)) return null;
    throw thrown;
  }
}

/**
 * Whether the number means that container's process here too. In a container of its own a controller sees other processes
 * under the same numbers; the control group names the container in every version of it.
 */
function isOurs({ id, pid }: Running): boolean {
  return pid > 0 && (procText(`/proc/${pid}/cgroup`) ?? "").includes(id);
}

/** The processes below the first one, which is the engine's `init`; null where the host's /proc does not show them. */
function countOf(pid: number): number | null {
  const children = childrenOf(pid);
  return children?.reduce((sum, child) => sum + 1 + (countOf(child) ?? 0), 0) ?? null;
}

function childrenOf(pid: number): readonly number[] | null {
  const threads = unlessGone(() => readdirSync(`/proc/${pid}/task`));
  if (threads === null) return null;
  const lists = threads.map((thread) => procText(`/proc/${pid}/task/${thread}/children`));
  if (lists.every((list) => list === null)) return null;
  return lists.flatMap((list) => (list ?? "").split(" ").filter(Boolean)).map(Number);
}

/** The engine's name server, which it puts inside every network of its own: 127.0.0.11 as the kernel writes it. */
const nameServer = "0B00007F";

/** The TCP ports on which a container listens, rising; empty where the host's /proc is not for us to read. */
export function containerPorts({ id, pid }: Running): readonly number[] {
  if (!isOurs({ id, pid })) return [];
  const ports = listeningSockets(pid)
    .filter(({ address }) => !address.startsWith(nameServer))
    .map(({ port }) => port);
  return [...new Set(ports)].sort((a, b) => a - b);
}
