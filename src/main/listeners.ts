import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isErrno } from "../base/faults.ts";

export interface PortListener {
  readonly port: number;
  /** What listens there, like `nginx (process 123)`; null when this user may not know, or it lives in another namespace. */
  readonly program: string | null;
}

/**
 * Who listens on these TCP ports of this machine, on whatever address, read from /proc: nothing is opened, so no right to
 * low ports is needed. Empty where there is no /proc.
 */
export function listeners(ports: readonly number[]): readonly PortListener[] {
  const sockets = new Map<string, number>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (readOrNull(table) ?? "").split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const port = Number.parseInt(local?.split(":")[1] ?? "", 16);
      // 0A is LISTEN (include/net/tcp_states.h).
      if (state === "0A" && inode !== undefined && ports.includes(port)) sockets.set(`socket:[${inode}]`, port);
    }
  }
  const programs = sockets.size === 0 ? new Map<string, string>() : programsOf(sockets);
  const found = new Map<number, PortListener>();
  for (const [socket, port] of sockets) {
    const program = found.get(port)?.program ?? programs.get(socket) ?? null;
    found.set(port, { port, program });
  }
  return [...found.values()].sort((a, b) => a.port - b.port);
}

function programsOf(sockets: ReadonlyMap<string, number>): Map<string, string> {
  const programs = new Map<string, string>();
  for (const pid of listOrEmpty("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const fd of listOrEmpty(`/proc/${pid}/fd`)) {
      const target = linkOrNull(`/proc/${pid}/fd/${fd}`);
      if (target === null || !sockets.has(target) || programs.has(target)) continue;
      programs.set(target, `${readOrNull(`/proc/${pid}/comm`)?.trim() ?? "a program"} (process ${pid})`);
    }
  }
  return programs;
}

/** Processes end while one looks, and others' may not be looked into. */
function orElse<T, E>(read: () => T, other: E): T | E {
  try {
    return read();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES", "EPERM", "ESRCH")) return other;
    throw error;
  }
}

function readOrNull(path: string): string | null {
  return orElse(() => readFileSync(path, "utf8"), null);
}

function listOrEmpty(path: string): readonly string[] {
  return orElse(() => readdirSync(path), []);
}

function linkOrNull(path: string): string | null {
  return orElse(() => readlinkSync(path), null);
}
