import { listeningSockets, processNumbers, programOf, socketsOf } from "../host/proc.ts";

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
  const sockets = listeningSockets().filter(({ port }) => ports.includes(port));
  const programs = sockets.length === 0 ? new Map<string, string>() : programsOf(sockets.map(({ inode }) => inode));
  const found = new Map<number, PortListener>();
  for (const { inode, port } of sockets) {
    found.set(port, { port, program: found.get(port)?.program ?? programs.get(inode) ?? null });
  }
  return [...found.values()].sort((a, b) => a.port - b.port);
}

function programsOf(inodes: readonly string[]): ReadonlyMap<string, string> {
  const programs = new Map<string, string>();
  for (const pid of processNumbers()) {
    for (const inode of socketsOf(pid)) {
      if (inodes.includes(inode) && !programs.has(inode)) programs.set(inode, `${programOf(pid)} (process ${pid})`);
    }
  }
  return programs;
}
