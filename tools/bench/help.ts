import { Fault } from "../../src/base/faults.ts";
import { runChild } from "../../src/host/child.ts";
import type { Installation } from "./installation.ts";
import { endedChildrenCpuMs } from "./proc.ts";
import { plainEnvironment } from "./programs.ts";
import { median, type Row, row, show } from "./row.ts";

const runs = 40;

/** `fairlead --help` of the installed bundle through its launcher, against Node doing nothing, in turn. */
export async function benchHelp({ launcher }: Installation): Promise<readonly Row[]> {
  const commands = { help: [launcher, "--help"], nothing: [process.execPath, "-e", "0"] } as const;
  const seen = { help: [] as Run[], nothing: [] as Run[] };
  for (let i = 0; i < runs + 3; i += 1) {
    for (const name of ["help", "nothing"] as const) {
      const run = await timed(commands[name]);
      if (i >= 3) seen[name].push(run);
    }
  }
  const wall = { help: median(seen.help.map((run) => run.ms)), nothing: median(seen.nothing.map((run) => run.ms)) };
  const cpu = { help: mean(seen.help), nothing: mean(seen.nothing) };
  const ratio = wall.help / wall.nothing;
  const cpuRatio = cpu.help / cpu.nothing;
  return [
    row({
      what: `fairlead --help against node -e 0, median of ${runs}`,
      measured: `${show(wall.help)} ms against ${show(wall.nothing)} ms: ${show(ratio)} × (CPU ${show(cpuRatio)} ×)`,
      budget: "≤ 1.5 ×",
      within: ratio <= 1.5,
      figures: { helpMs: wall.help, nothingMs: wall.nothing, ratio, cpuRatio },
    }),
  ];
}

interface Run {
  readonly ms: number;
  readonly cpuMs: number;
}

async function timed(command: readonly [string, ...string[]]): Promise<Run> {
  const [before, began] = [endedChildrenCpuMs(), performance.now()];
  const { code, stderr } = await runChild(command, { env: plainEnvironment });
  if (code !== 0) throw new Fault("operation.failed", `${command.join(" ")} failed: ${stderr}`);
  return { ms: performance.now() - began, cpuMs: endedChildrenCpuMs() - before };
}

function mean(all: readonly Run[]): number {
  return all.reduce((sum, run) => sum + run.cpuMs, 0) / all.length;
}
