import { join } from "node:path";
import { Fault } from "../../src/base/faults.ts";
import { runChild } from "../../src/host/child.ts";
import { answers, find, plainEnvironment } from "./programs.ts";

/** The host that every proxy under load serves. */
export const host = "web.bench.localhost";
export const clients = 32;

export interface Load {
  readonly requests: number;
  readonly perSecond: number;
}

/** Loads a port with as many requests as it answers. */
export async function load(port: number, seconds: number): Promise<Load> {
  if (!(await answers(port))) throw new Fault("operation.failed", `nothing listens on port ${port}`);
  const url = `http://127.0.0.1:${port}/`;
  const wrk = find("wrk");
  if (wrk === null) return loadByAutocannon(url, seconds);
  const options = ["-t", "1", "-c", String(clients), "-d", `${seconds}s`, "-H", `Host: ${host}`];
  const { stdout } = await runChild([wrk, ...options, url], { env: plainEnvironment });
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0);
  if (requests === 0 || /Non-2xx|Socket errors/.test(stdout)) {
    throw new Fault("operation.failed", `the load on port ${port} failed: ${stdout}`);
  }
  return { requests, perSecond };
}

async function loadByAutocannon(url: string, seconds: number): Promise<Load> {
  const program = join(import.meta.dirname, "../../node_modules/autocannon/autocannon.js");
  const options = ["--json", "-c", String(clients), "-d", String(seconds), "-H", `Host: ${host}`];
  const { stdout } = await runChild([process.execPath, program, ...options, url], { env: plainEnvironment });
  const { requests, non2xx, errors } = JSON.parse(stdout) as Cannon;
  if (non2xx + errors > 0) throw new Fault("operation.failed", `the load on ${url} failed`);
  return { requests: requests.total, perSecond: requests.average };
}

interface Cannon {
  readonly requests: { readonly total: number; readonly average: number };
  readonly non2xx: number;
  readonly errors: number;
}
