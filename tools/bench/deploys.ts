import { Fault } from "../../src/base/faults.ts";
import { type Hand, ProcessByHand } from "./by-hand.ts";
import type { Installation } from "./installation.ts";
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

/** Where the trivial app is deployed, and what is allowed there. */
export interface Testbed {
  /** In front of each row's name. */
  readonly label: string;
  readonly flags: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly hand: (home: string) => Hand;
  readonly budgetMs: { readonly unchanged: number; readonly changed: number };
}

const plainProcesses: Testbed = {
  label: "",
  flags: ["--runtime", "process"],
  files: {},
  hand: (home) => new ProcessByHand(home),
  budgetMs: { unchanged: 250, changed: 350 },
};

/**
 * From asking for a deployment to its being live: upload, build, start, gate, switch, drain, and the old instance gone.
 * By hand: the same directory copied, the same server started, asked until its first 200, the old one stopped.
 */
export async function benchDeploys(installation: Installation, testbed = plainProcesses): Promise<readonly Row[]> {
  await using site = new Site(installation, testbed.flags);
  await site.startController();
  const directory = writeTrivial(site, { app: key.app, watch: "0s", more: testbed.files });
  mustBeLive(await site.deploy(directory, key));
  const hand = testbed.hand(site.home);
  const seen: Round[] = [];
  try {
    await hand.deploy(directory);
    for (let i = 1; i <= rounds; i += 1) seen.push(await playRound({ site, hand, directory }, i));
  } finally {
    await hand.stop();
  }
  return rowsOf(seen, testbed);
}

async function playRound(stage: { site: Site; hand: Hand; directory: string }, i: number): Promise<Round> {
  const { site, hand, directory } = stage;
  const unchanged = await timed(async () => mustBeLive(await site.deploy(directory, key)));
  changeLine(directory, `api ${i}`);
  const changed = await timed(async () => mustBeLive(await site.deploy(directory, key)));
  const byHand = await timed(() => hand.deploy(directory));
  changeLine(directory, `command ${i}`);
  const byCommand = await timed(async () => {
    const { code, stdout, stderr } = await site.fairlead("deploy", directory, "--force", "--json");
    if (code !== 0) throw new Fault("operation.failed", `fairlead deploy failed: ${stdout}${stderr}`);
  });
  const rolledBack = await timed(async () => mustBeLive(await site.begin(key, { kind: "rollback" })));
  return { unchanged, changed, byHand, byCommand, rolledBack };
}

function rowsOf(seen: readonly Round[], { label, budgetMs }: Testbed): readonly Row[] {
  const of = (name: keyof Round) => median(seen.map((one) => one[name]));
  const [byHand, byCommand] = [of("byHand"), of("byCommand")];
  const words = (ms: number) => `${show(ms)} ms; manual ${show(byHand)} ms: ${show(ms / byHand)} ×`;
  const line = (what: string, { ms, most }: { ms: number; most: number }) => ({
    what: `${label}${what}, p50 of ${rounds}`,
    budget: `≤ ${most} ms and ≤ 1.5 × manual`,
    measured: words(ms),
    within: ms <= most && ms <= 1.5 * byHand,
    figures: { ms, byHand, ratio: ms / byHand },
  });
  const changed = line("deploy → live, one line changed", { ms: of("changed"), most: budgetMs.changed });
  const command = `${changed.measured}; as \`fairlead deploy\` from start to exit ${show(byCommand)} ms`;
  const rolledBack = of("rolledBack");
  return [
    row(line("deploy → live, nothing changed", { ms: of("unchanged"), most: budgetMs.unchanged })),
    row({ ...changed, measured: command, figures: { ...changed.figures, byCommand } }),
    row({
      what: `${label}rollback, artifact kept, until live, p50 of ${rounds}`,
      measured: `${show(rolledBack)} ms`,
      budget: "≤ 500 ms",
      within: rolledBack <= 500,
      figures: { ms: rolledBack },
    }),
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
