import { formatDuration } from "../base/duration.ts";
import type { DeploymentView } from "../contract/deployments.ts";

type Timed = Pick<DeploymentView, "phases" | "createdAt" | "durationMs">;

/** Shorter phases are not mentioned. */
const mentionedMs = 2_000;

/** When the phase at `index` was over, in milliseconds since the deployment's creation; null while it runs. */
export function phaseEnd({ phases, createdAt }: Timed, index: number): number | null {
  const next = phases[index + 1];
  return next === undefined ? null : Math.max(0, Date.parse(next.at) - Date.parse(createdAt));
}

/** `served after 0.4 s, watched for 15 s`: the durations of a deployment; empty if it ended as soon as it served. */
export function timesText(deployment: Timed): string {
  const { phases } = deployment;
  const watched = spentIn(deployment, "watch");
  const drained = spentIn(deployment, "drain");
  const switched = phases.findLastIndex(({ phase }) => phase === "switch");
  const served = switched === -1 ? null : phaseEnd(deployment, switched);
  if (served === null || Math.max(watched, drained) <= mentionedMs) return "";
  const words = [`served after ${formatDuration(served)}`];
  if (watched > mentionedMs) words.push(`watched for ${formatDuration(watched)}`);
  if (drained > mentionedMs) words.push(`drained for ${formatDuration(drained)}`);
  return words.join(", ");
}

function spentIn({ phases }: Timed, wanted: string): number {
  return phases.reduce((sum, { phase, at }, i) => {
    const next = phases[i + 1];
    return phase === wanted && next ? sum + Date.parse(next.at) - Date.parse(at) : sum;
  }, 0);
}

/** Remaining time, rounded up to minutes, so that three days are shown as such right after the start. */
export function leftText(ms: number): string {
  return formatDuration(ms < 60_000 ? Math.max(0, ms) : Math.ceil(ms / 60_000) * 60_000);
}
