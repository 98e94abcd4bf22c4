import { formatDuration } from "../base/duration.ts";
import { Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import { waitFor } from "../client/events.ts";
import type { DeploymentView } from "../contract/deployments.ts";
import type { UrlView } from "../contract/environments.ts";
import type { StoredLogView } from "../contract/logs.ts";
import { type BuildOutput, followBuild } from "./build-output.ts";
import { exitCode } from "./failure.ts";
import { shortName } from "./names.ts";
import { harmless, harmlessLine, type Paint } from "./paint.ts";
import { isGood, progressFor } from "./progress.ts";
import { timesText } from "./times.ts";
import { urlText } from "./views/status.ts";
import type { World } from "./world.ts";

/** What `deploy`, `rollback`, `restart`, `env set` and `attach` print: the deployment and its URLs. */
export interface DeploymentResult {
  readonly deployment: DeploymentView;
  readonly urls: readonly UrlView[];
  /** Nothing changed, so nothing was deployed: the deployment is the one that serves. Left out where it was. */
  readonly unchanged?: true;
}

/** Number of the failed instance's last lines that are shown, and that are read: repeated ones are shown once. */
const shownLines = 20;
const keptLines = 50;
/** Most lines of a failed build. */
const wholeBuild = 10_000;
/** An instance that ends at once may be judged before its last lines are stored. */
const lateLinesMs = 1_000;

export interface Following {
  /** Report it and do not wait. */
  readonly detach?: boolean;
  /** Ctrl-C also cancels the deployment. */
  readonly endsWithUs?: boolean;
}

/**
 * Follows a deployment to its end, or just reports it with `detach`. Failure is printed on stderr with the lines that
 * explain it; the caller's exit code is `deploymentExit`. Ctrl-C detaches: the deployment continues. Faults:
 * `wait.timeout` with the id after --timeout, and what the controller answers.
 */
export async function followToEnd(
  { world, api }: { world: World; api: Client },
  begun: DeploymentView,
  { detach = false, endsWithUs = false }: Following = {},
): Promise<DeploymentResult> {
  if (detach) {
    world.say(`${begun.id} continues; follow it: fairlead deployments attach ${begun.id}`);
    return { deployment: begun, urls: [] };
  }
  const { deployment, lines } = await watch({ world, api }, begun, endsWithUs);
  if (!isGood(deployment)) {
    // A terminal showed only the last lines of the build, and everything else all of them.
    const whole = world.context.progress === "live" && deployment.phases.at(-2)?.phase === "build";
    const told = whole || lines.length === 0 ? await culpritLines({ host: world.host, api }, deployment, whole) : lines;
    explain(world, deployment, { lines: told, whole });
  }
  if (deployment.status !== "live") return { deployment, urls: [] };
  const { urls } = await api.call("status", { params: deployment });
  return { deployment, urls };
}

type Watched = { readonly deployment: DeploymentView; readonly lines: readonly StoredLogView[] };

async function watch(
  { world, api }: { world: World; api: Client },
  begun: DeploymentView,
  endsWithUs: boolean,
): Promise<Watched> {
  const { timeout } = world.globals;
  const progress = progressFor(world);
  const limit = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
  let deployment = begun;
  let lines: readonly StoredLogView[] = [];
  let output: BuildOutput | null = null;
  try {
    progress.show(deployment);
    for await (const message of api.progress(begun.id, limit)) {
      if (message.event === "log") lines = [...lines, ...message.data.lines].slice(-keptLines);
      else deployment = message.data.deployment;
      progress.show(deployment);
      if (deployment.phase === "build" && world.context.progress !== "none")
        output ??= followBuild(api, deployment, (printed) => progress.build(printed));
    }
    return { deployment, lines };
  } catch (error) {
    const left = world.host.interrupted.aborted;
    if (left && !endsWithUs) sayDetached(world, begun.id);
    else if (!left && limit?.aborted) throw stillRunning(deployment, timeout ?? 0);
    throw error;
  } finally {
    await output?.stop();
    progress.end();
  }
}

function stillRunning({ id, release, phase }: DeploymentView, timeout: number): Fault {
  return new Fault(
    "wait.timeout",
    `${release} is still in ${phase} after ${formatDuration(timeout)}; its id is ${id}`,
    {
      hint: `It continues; follow it with \`fairlead deployments attach ${id}\`.`,
    },
  );
}

function sayDetached(world: World, id: string): void {
  world.say(`\nDetached; the deployment continues.`);
  world.say(`-> follow it: fairlead deployments attach ${id}`);
  world.say(`-> end it:    fairlead deployments cancel ${id}`);
}

/** The failed instance's lines, of which the stream has no more than the last. */
async function culpritLines(
  { host, api }: { host: World["host"]; api: Client },
  deployment: DeploymentView,
  whole: boolean,
): Promise<readonly StoredLogView[]> {
  if (deployment.culprit === null) return [];
  const end = host.now() + lateLinesMs;
  for (;;) {
    const { lines } = await api.call("logs", {
      params: deployment,
      query: { instance: deployment.culprit, tail: whole ? wholeBuild : keptLines },
    });
    if (lines.length > 0 || host.now() > end) return lines;
    await waitFor(100, host.interrupted);
  }
}

/** Lines, with repetitions only counted. */
export function withoutRepeats(lines: readonly string[]): readonly string[] {
  const runs: { readonly line: string; times: number }[] = [];
  for (const line of lines) {
    const last = runs.at(-1);
    if (last?.line === line) last.times += 1;
    else runs.push({ line, times: 1 });
  }
  return runs.map(({ line, times }) => (times === 1 ? line : `${line}  … ${times} times`));
}

function explain(
  world: World,
  deployment: DeploymentView,
  { lines, whole }: { readonly lines: readonly StoredLogView[]; readonly whole: boolean },
): void {
  const { paint, host } = world;
  const put = (line: string) => host.stderr.write(`${line}\n`);
  const { fault, release, status, culprit } = deployment;
  put(`${paint.red("error:")} ${release} ${status}: ${harmlessLine(fault?.detail ?? "no reason was reported", paint)}`);
  if (lines.length > 0) {
    put(
      `${whole ? "output" : "last lines"} of ${shortName(culprit ?? lines[0]?.instance ?? "the instance", deployment)}:`,
    );
    const words = withoutRepeats(lines.map(({ message }) => harmless(message, paint)));
    for (const line of whole ? words : words.slice(-shownLines)) put(`  ${line}`);
  }
  if (fault && fault.hint !== "")
    put(`${paint.yellow("hint:")} ${harmlessLine(hintOf(deployment, fault, lines.length > 0), paint)}`);
  world.say(`-> next: fairlead logs --release ${release} -e ${deployment.environment} -a ${deployment.app}`);
}

/**
 * Most hints end by telling that the old release continues; where there was none, that is omitted. Output that has just
 * been printed is above; otherwise a command shows it.
 */
function hintOf({ previous, kind }: DeploymentView, { hint }: { readonly hint: string }, isShown: boolean): string {
  const about = isShown ? hint.replace(/^`fairlead logs[^`]*` shows its output/, "See its output above") : hint;
  return previous === null && kind === "deploy" ? about.replace(/[;.] the old release still serves\.$/i, ".") : about;
}

/**
 * `Live: v2 (was v1) in 1.2 s` with where the time went, and the URLs; `Staged: v2` with what deploys it; nothing for a
 * failure, which stderr already reported.
 */
export function deploymentText({ deployment, urls, unchanged }: DeploymentResult, paint: Paint): string {
  const { status, release, previous, durationMs } = deployment;
  if (status === "queued" || status === "running") return `${deployment.id} ${status}: ${release}`;
  if (status === "staged") {
    const took = formatDuration(durationMs);
    return `${paint.green("Staged:")} ${paint.bold(release)} in ${took}; \`fairlead deploy --staged\` deploys it.`;
  }
  if (status !== "live") return "";
  const was = previous === null || previous === release ? "" : ` (was ${previous})`;
  const times = timesText(deployment);
  const took = `${formatDuration(durationMs)}${times === "" ? "" : `: ${times}`}`;
  const live = `${paint.green("Live:")} ${paint.bold(release)}${was} in ${took}`;
  const lines = [unchanged ? `Nothing changed: ${paint.bold(release)} serves. --force deploys it again.` : live];
  const width = Math.max(0, ...urls.map(({ service }) => service.length));
  return [...lines, ...urls.map((one) => `  ${one.service.padEnd(width)}  ${urlText(one, paint)}`)].join("\n");
}

/** 0 if it is live, staged or still running, otherwise from its fault. */
export function deploymentExit({ deployment }: Pick<DeploymentResult, "deployment">): number {
  if (deployment.phase !== "ended" || isGood(deployment)) return 0;
  return deployment.fault === null ? 1 : exitCode(deployment.fault.code);
}
