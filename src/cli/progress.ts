import type { DeploymentView } from "../contract/deployments.ts";
import { displayWidth, harmless, harmlessLine, type Paint } from "./paint.ts";
import { phaseEnd, timesText } from "./times.ts";
import type { World } from "./world.ts";

/** Shows the progress of a deployment on stderr. `end` keeps the last state and stops timers. */
export interface ProgressOutput {
  show(deployment: DeploymentView): void;
  /** Lines that the build has printed since. */
  build(lines: readonly string[]): void;
  end(): void;
}

/** Last lines of a running build that a terminal shows. */
const windowLines = 8;

/** Interval of progress lines in a pipe or CI log, so that a long build does not look hung. */
const heartbeatMs = 15_000;
const redrawMs = 100;
const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** The progress display for the kind of stderr. */
export function progressFor({ context, host, paint }: Pick<World, "context" | "host" | "paint">): ProgressOutput {
  const now = () => host.now();
  if (context.progress === "none") return { show: () => undefined, build: () => undefined, end: () => undefined };
  if (context.progress === "lines") return new LineProgress((line) => host.stderr.write(`${line}\n`), { now, paint });
  // A terminal without a size says 0.
  const columns = host.stderr.columns || 80;
  return new LiveProgress((text) => host.stderr.write(text), { now, paint, columns });
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** The time since the deployment's creation, as shown before every event: `   0.4 s`. */
function elapsed(ms: number): string {
  return seconds(ms).padStart(8);
}

/** The result, with the durations. */
function verdictText(deployment: DeploymentView): string {
  const times = deployment.status === "live" ? timesText(deployment) : "";
  return times === "" ? deployment.status : `${deployment.status}; ${times}`;
}

/** Whether it succeeded. */
export function isGood({ status }: Pick<DeploymentView, "status">): boolean {
  return status === "live" || status === "staged";
}

/** A check result shown during a deployment; observations of the whole release only if they are warnings. */
function isTold({ service, outcome }: DeploymentView["checks"][number]): boolean {
  return service !== null || outcome !== "passed";
}

const phaseOfCheck = { before: "release", gate: "gate", after: "watch" } as const;

/** A gate or a check as a line, with its phase. */
interface Found {
  readonly phase: DeploymentView["phase"];
  readonly line: string;
}

/** Time from a deployment's creation to the end of a phase, or to now. */
function overAfter({ phases, createdAt, durationMs }: DeploymentView, phase: Found["phase"]): number {
  const place = phases.findIndex((one) => one.phase === phase);
  const next = place === -1 ? undefined : phases[place + 1];
  return next === undefined ? durationMs : Date.parse(next.at) - Date.parse(createdAt);
}

/** One line for every phase, every gate passed and every check, with the time since the deployment's creation. */
export class LineProgress implements ProgressOutput {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  readonly #paint: Paint;
  #seen = { phases: 0, gates: 0, checks: 0 };
  #heartbeat: NodeJS.Timeout | null = null;

  constructor(write: (line: string) => void, { now, paint }: { now: () => number; paint: Paint }) {
    this.#write = write;
    this.#now = now;
    this.#paint = paint;
  }

  show(deployment: DeploymentView): void {
    const { app, release, createdAt, phases, gates, checks } = deployment;
    const found = [...this.#newGates(deployment), ...this.#newChecks(deployment)];
    const fresh = phases.slice(this.#seen.phases);
    // Late followers get everything at once, with each gate and check still after its phase.
    const lines = found.filter((one) => !fresh.some(({ phase }) => phase === one.phase)).map(({ line }) => line);
    for (const { phase, at } of fresh) {
      const since = elapsed(Date.parse(at) - Date.parse(createdAt));
      lines.push(`[${since}] ${app} ${release} ${phase === "ended" ? verdictText(deployment) : phase}`);
      lines.push(...found.filter((one) => one.phase === phase).map(({ line }) => line));
    }
    this.#seen = { phases: phases.length, gates: gates.length, checks: checks.length };
    for (const line of lines) this.#write(line);
    this.end();
    if (deployment.phase !== "ended") this.#beat(deployment);
  }

  build(lines: readonly string[]): void {
    for (const line of lines) this.#write(`  | ${harmless(line, this.#paint)}`);
  }

  end(): void {
    if (this.#heartbeat) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }

  #newGates(deployment: DeploymentView): Found[] {
    const { app, release, gates } = deployment;
    const since = elapsed(overAfter(deployment, "gate"));
    return gates.slice(this.#seen.gates).map(({ service, gate, tookMs }) => {
      return {
        phase: "gate",
        line: `[${since}] ${app} ${release} ${service} passed: ${gate} (${seconds(tookMs)})`,
      };
    });
  }

  #newChecks(deployment: DeploymentView): Found[] {
    const { app, release, checks } = deployment;
    return checks
      .slice(this.#seen.checks)
      .filter(isTold)
      .map(({ when, service, name, outcome, detail, tookMs }) => {
        const phase = phaseOfCheck[when];
        const who = `[${elapsed(overAfter(deployment, phase))}] ${app} ${release}${service === null ? "" : ` ${service}`}`;
        return { phase, line: `${who} check ${name} ${outcome}: ${detail} (${seconds(tookMs)})` };
      });
  }

  #beat(deployment: DeploymentView): void {
    const { app, release, phase, durationMs } = deployment;
    // The controller's clock and this machine's may differ: only the time since then is measured here.
    const shown = this.#now();
    this.#heartbeat = setInterval(() => {
      this.#write(`[${elapsed(durationMs + this.#now() - shown)}] ${app} ${release} still in ${phase}`);
    }, heartbeatMs);
    this.#heartbeat.unref();
  }
}

/** The list of phases, each with its end relative to the deployment's creation, redrawn in place. */
export class LiveProgress implements ProgressOutput {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  readonly #paint: Paint;
  readonly #columns: number;
  #deployment: DeploymentView | null = null;
  #window: readonly string[] = [];
  #shown = 0;
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
    this.#shown = this.#now();
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), redrawMs).unref();
    if (deployment.phase === "ended") this.end();
  }

  build(lines: readonly string[]): void {
    this.#window = [...this.#window, ...lines].slice(-windowLines);
  }

  end(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #draw(): void {
    if (this.#deployment === null) return;
    this.#frame += 1;
    const lines = this.#lines(this.#deployment).map((line) => clip(line, this.#columns - 1));
    // Up over what was drawn, then every line again, then nothing below (ECMA-48: CUU, EL, ED).
    const up = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A`;
    this.#write(`${up}${lines.map((line) => `\r\x1b[2K${line}\n`).join("")}\x1b[J`);
    this.#drawn = lines.length;
  }

  #lines(deployment: DeploymentView): string[] {
    const { bold, dim, green, red, cyan } = this.#paint;
    const { app, environment, kind, release, phases } = deployment;
    const lines = [`${bold(`${kind} ${app} ${release}`)} ${dim(`in ${environment}`)}`];
    for (const [i, { phase }] of phases.entries()) {
      const over = phaseEnd(deployment, i);
      const at = over ?? deployment.durationMs + (phase === "ended" ? 0 : this.#now() - this.#shown);
      const bad = !isGood(deployment);
      const running = cyan(spinner[this.#frame % spinner.length] ?? "·");
      const mark = phase === "ended" ? (bad ? red("✗") : green("✓")) : over === null ? running : green("✓");
      const word = phase === "ended" ? deployment.status : phase;
      const note = harmlessLine(noteOn(phase, deployment, over === null), this.#paint);
      lines.push(`  ${mark} ${word.padEnd(11)} ${dim(elapsed(at))}  ${dim(note)}`.trimEnd());
      const output = phase === "build" && over === null ? this.#window : [];
      lines.push(...output.map((line) => dim(`    | ${harmlessLine(line, { enabled: false })}`)));
    }
    return lines;
  }
}

/** Text for a phase beside its time. */
function noteOn(phase: string, deployment: DeploymentView, goesOn: boolean): string {
  if (phase === "gate") return gateNote(deployment, goesOn);
  if (phase === "release") return checksText(deployment, "before");
  if (phase === "ended" && deployment.status === "live") return timesText(deployment);
  const { release, previous } = deployment;
  if (phase !== "watch") return "";
  if (!goesOn) return checksText(deployment, "after");
  return previous === null || previous === release ? `${release} serves` : `${release} serves, ${previous} stands by`;
}

/** How services passed the gate; while it goes on, also what is wrong with those that have not. */
function gateNote({ gates, checks }: DeploymentView, goesOn: boolean): string {
  const warnings = goesOn ? checks.filter(({ when }) => when === "gate").map(({ detail }) => detail) : [];
  return [...warnings, ...gates.map(({ service, gate }) => `${service}: ${gate}`)].join(", ");
}

function checksText({ checks }: DeploymentView, when: "before" | "after"): string {
  const told = checks.filter((check) => check.when === when && isTold(check));
  return told.map(({ service, name, outcome }) => `${service ?? "release"} ${name}: ${outcome}`).join(", ");
}

/** Cuts a line to the width of the terminal: a wrapped one would count as two lines. */
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
