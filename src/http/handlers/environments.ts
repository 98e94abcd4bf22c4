import { Fault } from "../../base/faults.ts";
import type {
  EnvironmentView,
  environmentRoutes,
  InstanceView,
  PreviewView,
  StatusView,
} from "../../contract/environments.ts";
import type { EnvKey, Preview } from "../../model/environment.ts";
import { releaseName } from "../../model/release.ts";
import { destroyEnvironment } from "../../usecases/destroy.ts";
import type { SeenInstance } from "../../usecases/instances.ts";
import { type EnvironmentSummary, listEnvironments, readStatus, type Status } from "../../usecases/status.ts";
import { stopEnvironment } from "../../usecases/stop.ts";
import { releaseOrNull, timeOrNull, timeText } from "../encode.ts";
import { type AnyRequest, type ApiDeps, envKeyOf, type HandlersOf } from "../exchange.ts";
import { encodeCode, encodeDeployment } from "./deployments.ts";

export const environmentHandlers: HandlersOf<typeof environmentRoutes> = {
  environments: async ({ call }) => ({ json: { items: (await listEnvironments(call)).map(encodeEnvironment) } }),
  status: statusReply,
  stop: async (exchange) => {
    await stopEnvironment(exchange.call, envKeyOf(exchange.params));
    return statusReply(exchange);
  },
  destroy: async (exchange) => {
    await destroyEnvironment(exchange.call, envKeyOf(exchange.params));
    return statusReply(exchange);
  },
};

/** How an environment is now; the answer to many changes of it. */
export async function statusReply({ call, deps, params }: AnyRequest & { readonly params: EnvKey }) {
  return {
    json: { ...encodeStatus(await readStatus(call, envKeyOf(params)), deps.clock.now()), stateLoss: lossOf(deps) },
  };
}

function lossOf({ intact }: Pick<ApiDeps, "intact">): string | null {
  try {
    intact();
    return null;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "journal.lost") return thrown.detail;
    throw thrown;
  }
}

function encodeStatus(status: Status, now: number): Omit<StatusView, "stateLoss"> {
  const { key, state, release, deployment, queue, services, urls, edge, logTrouble, maintenance } = status;
  const { preview, protection, staged } = status;
  return {
    ...key,
    state,
    release: releaseOrNull(release),
    code: encodeCode(status.serving),
    deployment: deployment && encodeDeployment(deployment, now),
    queue: queue.map((one) => encodeDeployment(one, now)),
    services: services.map((service) => ({ ...service, instances: service.instances.map(encodeInstance) })),
    urls,
    edge: { ...edge, since: timeOrNull(edge.since) },
    logs: { behindSince: logTrouble && timeText(logTrouble.since), detail: logTrouble?.fault.detail ?? null },
    maintenance: {
      on: maintenance.wanted !== null,
      closed: maintenance.closed,
      message: maintenance.wanted?.message ?? null,
      page: (maintenance.wanted?.page ?? null) !== null,
    },
    preview: preview && encodePreview(preview),
    protected: protection,
    staged: staged && {
      release: releaseName(staged.number),
      source: staged.source,
      message: staged.message,
      stagedAt: timeText(staged.createdAt),
      stagedBy: staged.createdBy,
    },
    jobs: [],
    data: [],
  };
}

function encodeInstance({ instance, state, artifact, gate, usage, written }: SeenInstance): InstanceView {
  const { name, identity, address, startedAt } = instance;
  return {
    id: name,
    release: releaseName(identity.release),
    artifact,
    state,
    ready: state === "ready",
    url: address && `http://${address.host}:${address.port}`,
    startedAt: timeText(startedAt),
    restarts: identity.attempt,
    memoryBytes: usage && Math.round(usage.memoryBytes),
    cpuMs: usage && Math.round(usage.cpuMs),
    gate,
    written,
  };
}

function encodeEnvironment({ key, release, state, urls, preview }: EnvironmentSummary): EnvironmentView {
  return { ...key, release: releaseOrNull(release), state, urls, preview: preview && encodePreview(preview) };
}

export function encodePreview({ from, endsAt, endedAt }: Preview): PreviewView {
  return { from, endsAt: timeText(endedAt ?? endsAt) };
}
