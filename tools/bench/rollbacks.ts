import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Fault } from "../../src/base/faults.ts";
import type { Installation } from "./installation.ts";
import { median, quantile, type Row, row, show } from "./row.ts";
import { mustBeLive, Site } from "./site.ts";
import { changeLine, writeTrivial } from "./trivial.ts";

const rounds = 12;
const readers = 4;
/** Between an answer and the next question of one client: together they ask about once a millisecond. */
const pauseMs = 4;
const key = { app: "trivial", environment: "production" };

/**
 * A release is rolled back during its watch, while the old instance still runs: from sending the request to take it
 * back until the last answer that a client gets from the bad release.
 */
export async function benchRollbacks(installation: Installation): Promise<readonly Row[]> {
  await using site = new Site(installation);
  await site.startController();
  const directory = writeTrivial(site, { app: key.app, watch: "60s" });
  changeLine(directory, "good");
  mustBeLive(await site.deploy(directory, key));
  const seen: number[] = [];
  const url = await site.edgeUrl();
  for (let i = 0; i < rounds; i += 1) seen.push(await takeBack(site, { directory, url, line: `bad ${i}` }));
  const ms = median(seen);
  return [
    row({
      what: `rollback while the old instance still runs: request → last answer of the bad one, p50 of ${rounds}`,
      measured: `${show(ms)} ms (p95 ${show(quantile(seen, 0.95))} ms)`,
      budget: "≤ 50 ms",
      within: ms <= 50,
      figures: { ms, p95Ms: quantile(seen, 0.95) },
    }),
  ];
}

async function takeBack(site: Site, bad: { directory: string; url: string; line: string }): Promise<number> {
  changeLine(bad.directory, bad.line);
  const crowd = new Crowd(bad.url);
  const deploying = site.deploy(bad.directory, key);
  await crowd.sees(bad.line);
  const { deployment } = await site.api.call("status", { params: key });
  if (deployment === null) throw new Fault("operation.failed", "no deployment is running");
  const decided = performance.now();
  await site.api.call("cancelDeployment", { params: { id: deployment.id } });
  const { status } = await deploying;
  if (status === "live") throw new Fault("operation.failed", "the release was not taken back");
  await crowd.leave();
  return Math.max(0, crowd.lastOf(bad.line) - decided);
}

/** Clients that ask and ask, and remember when they last got which answer. */
class Crowd {
  readonly #last = new Map<string, number>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: readers });
  readonly #members: readonly Promise<void>[];
  #isOver = false;

  constructor(url: string) {
    this.#members = Array.from({ length: readers }, () => this.#ask(url));
  }

  lastOf(line: string): number {
    return this.#last.get(line) ?? Number.NaN;
  }

  async sees(line: string): Promise<void> {
    while (!this.#last.has(line)) await pause(1);
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#members);
    this.#agent.destroy();
  }

  async #ask(url: string): Promise<void> {
    while (!this.#isOver) {
      this.#last.set(await ask(url, this.#agent), performance.now());
      await pause(pauseMs);
    }
  }
}

function ask(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, headers: { host: `web.${key.app}.localhost` } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      answer.once("end", () => resolve(text)).once("error", reject);
    });
    outgoing.once("error", reject).end();
  });
}
