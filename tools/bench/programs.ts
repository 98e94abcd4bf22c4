import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Fault } from "../../src/base/faults.ts";
import { startChild } from "../../src/host/child.ts";

/** What every program of the bench is started with. */
export const plainEnvironment = { PATH: process.env.PATH ?? "", LANG: "C.UTF-8", NO_COLOR: "1" };

/** A program that runs until the bench is done with it. */
export interface Program {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Where a program lies, or null when it is not installed; also searched for where distributions put servers. */
export function find(name: string): string | null {
  const directories = [...plainEnvironment.PATH.split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return directories.map((directory) => join(directory, name)).find(existsSync) ?? null;
}

/** Starts a program and waits until something listens on its port. */
export async function startProgram(
  command: readonly [string, ...string[]],
  port: number,
  more: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const child = startChild(command, { env: { ...plainEnvironment, ...more } });
  child.once("error", () => child.kill());
  await until(() => answers(port), `${command[0]} listens`);
  return { pid: child.pid ?? 0, stop: () => stopChild(child) };
}

export async function stopChild(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether somebody accepts connections. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const say = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => say(true)).once("error", () => say(false));
  });
}

/** Looks every few milliseconds until something holds. Fault `operation.failed` after `withinMs`. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 60_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Fault("operation.failed", `${what}: not within ${withinMs / 1000} s`);
    await pause(5);
  }
}
