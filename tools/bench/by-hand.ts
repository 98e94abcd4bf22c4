import type { ChildProcess } from "node:child_process";
import { cpSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { startChild } from "../../src/host/child.ts";
import { freePort, plainEnvironment, stopChild, until } from "./programs.ts";

/** What the deployments are compared with: the same steps done by a careful person. */
export interface Hand {
  /** Takes the source as it lies there live and ends what served before. */
  deploy(source: string): Promise<void>;
  stop(): Promise<void>;
}

/** Deploys without Fairlead, as a careful person would. */
export class ProcessByHand implements Hand {
  readonly #home: string;
  #old: ChildProcess | null = null;
  #count = 0;

  constructor(home: string) {
    this.#home = home;
  }

  async deploy(source: string): Promise<void> {
    this.#count += 1;
    const directory = join(this.#home, `by-hand-${this.#count}`);
    cpSync(source, directory, { recursive: true });
    const port = await freePort();
    const env = { ...plainEnvironment, PORT: String(port) };
    const fresh = startChild([process.execPath, "server.cjs"], { cwd: directory, env });
    await until(() => isGood(port), "the server started by hand answers");
    await this.stop();
    this.#old = fresh;
  }

  async stop(): Promise<void> {
    if (this.#old) await stopChild(this.#old);
    this.#old = null;
  }
}

/** Whether a server answers with 200. */
export function isGood(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request({ host, port, agent: false }, (answer) => {
      answer.resume().once("close", () => resolve(answer.statusCode === 200));
    });
    outgoing.once("error", () => resolve(false)).end();
  });
}
