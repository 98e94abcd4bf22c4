import { formatDuration } from "../base/duration.ts";
import type { DeploymentView } from "../contract/deployments.ts";
import { displayWidth, harmless, type Paint } from "./paint.ts";
import type { World } from "./world.ts";

/** Shows how a deployment goes, on stderr. `end` leaves the last state behind and stops timers. */
export interface Progress {
  show(deployment: DeploymentView): void;
  end(): void;
}

/** A pipe or a CI log gets a sign of life this often, so that nobody takes a long build for a hang. */
const heartbeatMs = 15_000;
const redrawMs = 100;
const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** The way of showing that suits where stderr goes. */
export function progressFor({ context, host, paint }: Pick<World, "context" | "host" | "paint">): Progress {
  const now = () => host.now();
  if (context.progress === "none") return { show: () => undefined, end: () => undefined };
  if (context.progress === "lines") return new LineProgress((line) => host.stderr.write(`${line}\n`), { now });
  const columns = host.stderr.columns ?? 80;
  return new LiveProgress((text) => host.stderr.write(text), { now, paint, columns });
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** What `ended` means is the verdict. */
function phaseWord(deployment: DeploymentView): string {
  return deployment.phase === "ended" ? deployment.status : deployment.phase;
}

/** One line for every phase and every gate passed. */
export class LineProgress implements Progress {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  #seen: { phases: number; gates: number } = { phases: 0, gates: 0 };
  #heartbeat: NodeJS.Timeout | null = null;

  constructor(write: (line: string) => void, { now }: { now: () => number }) {
    this.#write = write;
    this.#now = now;
  }

  show(deployment: DeploymentView): void {
    const lines = this.#newGates(deployment);
    for (const { phase } of deployment.phases.slice(this.#seen.phases)) {
      const word = phase === "ended" ? `${deployment.status} after ${formatDuration(deployment.durationMs)}` : phase;
      lines.push(`[${deployment.app}] ${deployment.release} ${word}`);
    }
    this.#seen = { phases: deployment.phases.length, gates: deployment.gates.length };
    for (const line of lines) this.#write(line);
    this.end();
    if (deployment.phase !== "ended") this.#beat(deployment);
  }

  end(): void {
    if (this.#heartbeat) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }

  #newGates(deployment: DeploymentView): string[] {
    return deployment.gates
      .slice(this.#seen.gates)
      .map(({ service, gate, tookMs }) => `[${service}] gate passed: ${gate} (${seconds(tookMs)})`);
  }

  #beat(deployment: DeploymentView): void {
    const since = Date.parse(deployment.phases.at(-1)?.at ?? deployment.createdAt);
    this.#heartbeat = setInterval(() => {
      const waited = formatDuration(Math.max(0, this.#now() - since));
      this.#write(`[${deployment.app}] ${deployment.release} still in ${deployment.phase}, ${waited}`);
    }, heartbeatMs);
    this.#heartbeat.unref();
  }
}

/** The list of phases with their times, drawn again in place. */
export class LiveProgress implements Progress {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  readonly #paint: Paint;
  readonly #columns: number;
  #deployment: DeploymentView | null = null;
  #drawn = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(write: (text: string) => void, options: { now: () => number; paint: Paint; columns: number }) {
    this.#write = write;
    this.#now = options.now;
    this.#paint = options.paint;
    this.#columns = options.columns;
  }

  show(deployment: DeploymentView): void {
    this.#deployment = deployment;
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), redrawMs).unref();
    if (deployment.phase === "ended") this.end();
  }

  end(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #draw(): void {
    if (this.#deployment === null) return;
    this.#frame += 1;
    const lines = this.#lines(this.#deployment).map((line) => clip(line, this.#columns - 1));
    // Up over what was drawn, then every line anew, then nothing below (ECMA-48: CUU, EL, ED).
    const up = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A`;
    this.#write(`${up}${lines.map((line) => `\r\x1b[2K${line}\n`).join("")}\x1b[J`);
    this.#drawn = lines.length;
  }

  #lines(deployment: DeploymentView): string[] {
    const { bold, dim, green, red, cyan } = this.#paint;
    const { app, environment, kind, release } = deployment;
    const lines = [`${bold(`${kind} ${app} ${release}`)} ${dim(`in ${environment}`)}`];
    const gates = deployment.gates.map(({ service, gate }) => `${service}: ${gate}`).join(", ");
    for (const [i, { phase, at }] of deployment.phases.entries()) {
      const next = deployment.phases[i + 1];
      const took = seconds(Math.max(0, (next ? Date.parse(next.at) : this.#now()) - Date.parse(at)));
      const bad = deployment.status !== "live";
      const mark = next ? green("✓") : cyan(spinner[this.#frame % spinner.length] ?? "·");
      const note = phase === "gate" ? `  ${dim(harmless(gates, this.#paint))}` : "";
      if (phase === "ended") lines.push(`  ${bad ? red("✗") : green("✓")} ${phaseWord(deployment)}`);
      else lines.push(`  ${mark} ${phase.padEnd(8)} ${dim(took.padStart(7))}${note}`.trimEnd());
    }
    return lines;
  }
}

/** Cuts a line to the width of the terminal: a wrapped one would be two lines where one is counted. */
function clip(line: string, columns: number): string {
  if (displayWidth(line) <= columns) return line;
  let kept = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences have no width and must stay whole
  for (const part of line.match(/\x1b\[[0-9;]*m|./gsu) ?? []) {
    if (part.length === 1 && displayWidth(kept + part) > columns - 1) continue;
    kept += part;
  }
  return `${kept}…`;
}
