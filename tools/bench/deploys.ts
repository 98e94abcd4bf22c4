import type { ChildProcess } from "node:child_process";
import { cpSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { Fault } from "../../src/base/faults.ts";
import { startChild } from "../../src/host/child.ts";
import type { Installation } from "./installation.ts";
import { freePort, plainEnvironment, stopChild, until } from "./programs.ts";
import { median, type Row, row, show } from "./row.ts";
import { mustBeLive, Site } from "./site.ts";
import { changeLine, writeTrivial } from "./trivial.ts";

const rounds = 12;
const key = { app: "trivial", environment: "production" };

interface Round {
  readonly unchanged: number;
  readonly changed: number;
  readonly byHand: number;
  readonly byCommand: number;
  readonly rolledBack: number;
}

/**
 * From asking for a deployment to its being live: upload, build, start, gate, switch, drain, and the old instance gone.
 * By hand: the same directory copied, the same server started, asked until its first 200, the old one stopped.
 */
export async function benchDeploys(installation: Installation): Promise<readonly Row[]> {
  await using site = new Site(installation);
  await site.startController();
  const directory = writeTrivial(site, { app: key.app, watch: "0s" });
  mustBeLive(await site.deploy(directory, key));
  const hand = new Hand(site.home);
  const seen: Round[] = [];
  try {
    await hand.deploy(directory);
    for (let i = 1; i <= rounds; i += 1) seen.push(await playRound({ site, hand, directory }, i));
  } finally {
    await hand.stop();
  }
  return rowsOf(seen);
}

async function playRound(stage: { site: Site; hand: Hand; directory: string }, i: number): Promise<Round> {
  const { site, hand, directory } = stage;
  const unchanged = await timed(async () => mustBeLive(await site.deploy(directory, key)));
  changeLine(directory, `api ${i}`);
  const changed = await timed(async () => mustBeLive(await site.deploy(directory, key)));
  const byHand = await timed(() => hand.deploy(directory));
  changeLine(directory, `command ${i}`);
  const byCommand = await timed(async () => {
    const { code, stdout, stderr } = await site.fairlead("deploy", directory, "--json");
    if (code !== 0) throw new Fault("operation.failed", `fairlead deploy failed: ${stdout}${stderr}`);
  });
  const rolledBack = await timed(async () => mustBeLive(await site.begin(key, { kind: "rollback" })));
  return { unchanged, changed, byHand, byCommand, rolledBack };
}

function rowsOf(seen: readonly Round[]): readonly Row[] {
  const of = (name: keyof Round) => median(seen.map((one) => one[name]));
  const [byHand, byCommand] = [of("byHand"), of("byCommand")];
  const words = (ms: number) => `${show(ms)} ms; by hand ${show(byHand)} ms: ${show(ms / byHand)} ×`;
  const line = (what: string, { ms, budgetMs }: { ms: number; budgetMs: number }) => ({
    what: `${what}, p50 of ${rounds}`,
    budget: `≤ ${budgetMs} ms and ≤ 1.5 × by hand`,
    measured: words(ms),
    within: ms <= budgetMs && ms <= 1.5 * byHand,
    figures: { ms, byHand, ratio: ms / byHand },
  });
  const changed = line("deploy → live, one line changed", { ms: of("changed"), budgetMs: 350 });
  const command = `${changed.measured}; as \`fairlead deploy\` from start to exit ${show(byCommand)} ms`;
  const rolledBack = of("rolledBack");
  return [
    row(line("deploy → live, nothing changed", { ms: of("unchanged"), budgetMs: 250 })),
    row({ ...changed, measured: command, figures: { ...changed.figures, byCommand } }),
    row({
      what: `rollback, artifact kept, until live, p50 of ${rounds}`,
      measured: `${show(rolledBack)} ms`,
      budget: "≤ 500 ms",
      within: rolledBack <= 500,
      figures: { ms: rolledBack },
    }),
  ];
}

/** Deploys without Fairlead, as a careful person would. */
class Hand {
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

function isGood(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request({ host: "127.0.0.1", port, agent: false }, (answer) => {
      answer.resume().once("close", () => resolve(answer.statusCode === 200));
    });
    outgoing.once("error", () => resolve(false)).end();
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
