import type { CodeView, DeploymentDetail, DeploymentView, deploymentRoutes } from "../../contract/deployments.ts";
import type { MessageOf } from "../../contract/route.ts";
import type { IdempotentOutcome } from "../../model/claim.ts";
import { type Deployment, isOver } from "../../model/deployment.ts";
import { type Release, releaseName } from "../../model/release.ts";
import { beginDeployment } from "../../usecases/deploy.ts";
import {
  cancelDeployment,
  deploymentOf,
  deploymentSteps,
  followDeployment,
  listDeployments,
  type Progress,
  releaseOfDeployment,
} from "../../usecases/deployments.ts";
import { resumePoint } from "../decode.ts";
import { releaseOrNull, timeOrNull, timeText } from "../encode.ts";
import { type AnyRequest, envKeyOf, type HandlersOf, type RepeatsOf } from "../exchange.ts";
import { eventStream, linked } from "../stream.ts";
import { encodeLog } from "./logs.ts";

export const deploymentHandlers: HandlersOf<typeof deploymentRoutes> = {
  beginDeployment: async ({ call, deps, params, body }) => {
    const deployment = await beginDeployment(call, envKeyOf(params), body);
    return { json: { deployment: encodeDeployment(deployment, deps.clock.now()) } };
  },
  deployments: async ({ call, deps, params, query }) => {
    const { items, next } = await listDeployments(call, envKeyOf(params), query);
    return { json: { items: items.map((one) => encodeDeployment(one, deps.clock.now())), nextCursor: next } };
  },
  deployment: async ({ call, deps, params }) => {
    const deployment = await deploymentOf(call, params.id);
    const steps = await deploymentSteps(call, params.id);
    const code = encodeCode(await releaseOfDeployment(call, deployment));
    return { json: { deployment: encodeDeployment(deployment, deps.clock.now()), code, steps: steps.map(encodeStep) } };
  },
  cancelDeployment: async ({ call, deps, params }) => ({
    json: { deployment: encodeDeployment(await cancelDeployment(call, params.id), deps.clock.now()) },
  }),
  deploymentProgress: async ({ call, deps, params, request }) => {
    await deploymentOf(call, params.id);
    const after = resumePoint(request, undefined) ?? 0;
    const stop = linked(request);
    const progress = followDeployment(call, params.id, { after, signal: stop.signal });
    return eventStream(
      messagesOf(progress, () => deps.clock.now()),
      { deps, stop },
    );
  },
};

async function deploymentAgain({ call, deps }: AnyRequest, { deployment }: IdempotentOutcome) {
  return { json: { deployment: encodeDeployment(await deploymentOf(call, deployment ?? ""), deps.clock.now()) } };
}

export const deploymentRepeats: RepeatsOf<typeof deploymentRoutes> = {
  beginDeployment: deploymentAgain,
  cancelDeployment: deploymentAgain,
};

async function* messagesOf(
  progress: AsyncGenerator<Progress>,
  now: () => number,
): AsyncGenerator<MessageOf<typeof deploymentRoutes.deploymentProgress>> {
  for await (const step of progress) {
    if (step.kind === "deployment") {
      yield { event: "deployment", data: { deployment: encodeDeployment(step.deployment, now()) } };
    } else {
      const last = step.lines.at(-1);
      yield { event: "log", ...(last && { id: last.sequence }), data: { lines: step.lines.map(encodeLog) } };
    }
  }
}

/** Where the code of a release comes from. */
export function encodeCode(release: Release | null): CodeView | null {
  return release && { branch: release.branch, commit: release.commit };
}

/** A deployment as of `now`: the end of one that is under way is now. */
export function encodeDeployment(deployment: Deployment, now: number): DeploymentView {
  const { id, key, kind, phase, services, gates, checks, fault, culprit } = deployment;
  const { createdAt, createdBy, endedAt } = deployment;
  return {
    id,
    ...key,
    kind,
    status: statusOf(deployment),
    phase,
    phases: deployment.history.map((entry) => ({ phase: entry.phase, at: timeText(entry.at) })),
    release: releaseName(deployment.release),
    previous: releaseOrNull(deployment.previous?.release),
    services,
    gates: gates.map(timed),
    checks: checks.map(timed),
    fault,
    culprit,
    createdAt: timeText(createdAt),
    createdBy,
    endedAt: timeOrNull(endedAt),
    durationMs: Math.max(0, (endedAt ?? now) - createdAt),
  };
}

/** The clock may have been set back meanwhile. */
function timed<T extends { readonly tookMs: number }>(one: T): T {
  return { ...one, tookMs: Math.max(0, one.tookMs) };
}

function statusOf(deployment: Deployment): DeploymentView["status"] {
  if (isOver(deployment)) return deployment.verdict ?? "failed";
  return deployment.phase === "queued" ? "queued" : "running";
}

type KnownStep = Awaited<ReturnType<typeof deploymentSteps>>[number];

function encodeStep({ what, begunAt, endedAt, ...step }: KnownStep): DeploymentDetail["steps"][number] {
  const { id, subject, why, fault } = step;
  return { id, what: stepWord(what), subject, why, begunAt: timeText(begunAt), endedAt: timeOrNull(endedAt), fault };
}

/** A step is kept as plain data, which holds the variables of an instance; only its word is shown. */
function stepWord(what: string): string {
  return /^\s*\{.*?"do"\s*:\s*"([a-z-]{1,40})"/s.exec(what)?.[1] ?? (/^[a-z-]{1,40}$/.test(what) ? what : "step");
}
