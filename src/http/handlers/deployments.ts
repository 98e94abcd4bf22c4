import { Fault } from "../../base/faults.ts";
import type { Outcome } from "../../model/claim.ts";
import { beginDeployment } from "../../usecases/deploy.ts";
import {
  cancelDeployment,
  deploymentOf,
  deploymentSteps,
  followDeployment,
  listDeployments,
  type Progress,
} from "../../usecases/deployments.ts";
import { planDeployment } from "../../usecases/plan.ts";
import { createPreview, removePreview } from "../../usecases/previews.ts";
import { diffReleases, listReleases, showRelease } from "../../usecases/releases.ts";
import { readStatus } from "../../usecases/status.ts";
import { resumePoint } from "../decode.ts";
import { deploymentView, logView, planView, previewView, releaseView, statusView, stepView } from "../encode.ts";
import { type AnyExchange, type Handlers, keyOf, type Repeats } from "../exchange.ts";
import { eventStream, linked, type Message } from "../stream.ts";

export const deploymentHandlers = {
  beginDeployment: async ({ call, deps, params, body }) => {
    const deployment = await beginDeployment(call, keyOf(params), body);
    return { json: { deployment: deploymentView(deployment, deps.clock.now()) } };
  },
  createPreview: async ({ call, deps, params, body }) => {
    const { preview, deployment } = await createPreview(call, keyOf(params), body);
    return { json: { preview: previewView(preview), deployment: deploymentView(deployment, deps.clock.now()) } };
  },
  removePreview: async ({ call, deps, params }) => {
    await removePreview(call, keyOf(params));
    return { json: statusView(await readStatus(call, keyOf(params)), deps.clock.now()) };
  },
  deployments: async ({ call, deps, params, query }) => {
    const { items, next } = await listDeployments(call, keyOf(params), query);
    return { json: { items: items.map((one) => deploymentView(one, deps.clock.now())), nextCursor: next } };
  },
  deployment: async ({ call, deps, params }) => {
    const deployment = await deploymentOf(call, params.id);
    const steps = await deploymentSteps(call, params.id);
    return { json: { deployment: deploymentView(deployment, deps.clock.now()), steps: steps.map(stepView) } };
  },
  cancelDeployment: async ({ call, deps, params }) => ({
    json: { deployment: deploymentView(await cancelDeployment(call, params.id), deps.clock.now()) },
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
  plan: async ({ call, params, body }) => ({ json: planView(await planDeployment(call, keyOf(params), body)) }),
  releases: async ({ call, params, query }) => {
    const { items, next } = await listReleases(call, keyOf(params), query);
    return { json: { items: items.map(releaseView), nextCursor: next } };
  },
  release: async ({ call, params }) => {
    const known = await showRelease(call, keyOf(params), params.release);
    return { json: { release: releaseView(known), manifest: known.release.manifest } };
  },
  releaseDiff: async ({ call, params }) => ({ json: planView(await diffReleases(call, keyOf(params), params)) }),
} satisfies Partial<Handlers>;

const deploymentAgain = async ({ call, deps }: Pick<AnyExchange, "call" | "deps">, { deployment }: Outcome) => {
  return { json: { deployment: deploymentView(await deploymentOf(call, deployment ?? ""), deps.clock.now()) } };
};

export const deploymentRepeats: Repeats = {
  beginDeployment: deploymentAgain,
  cancelDeployment: deploymentAgain,
  createPreview: async (exchange, outcome) => {
    const { preview } = await readStatus(exchange.call, keyOf(exchange.params));
    const { json } = await deploymentAgain(exchange, outcome);
    if (preview === null) throw new Fault("preview.unknown", "it is not there any more");
    return { json: { preview: previewView(preview), ...json } };
  },
};

async function* messagesOf(progress: AsyncGenerator<Progress>, now: () => number): AsyncGenerator<Message> {
  for await (const step of progress) {
    if (step.kind === "deployment") {
      yield { event: "deployment", data: { deployment: deploymentView(step.deployment, now()) } };
    } else {
      const last = step.lines.at(-1);
      yield { event: "log", ...(last && { id: last.sequence }), data: { lines: step.lines.map(logView) } };
    }
  }
}
