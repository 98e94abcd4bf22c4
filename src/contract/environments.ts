import { z } from "zod";
import { codeView, deploymentView } from "./deployments.ts";
import { environmentPath } from "./paths.ts";
import type { Routes, ViewOf } from "./route.ts";
import { digest, durationMs, releaseNameSchema, time } from "./scalars.ts";

/** What an environment says of itself that is there for a while only. */
export const previewView = z
  .object({
    from: z
      .string()
      .nullable()
      .describe("The environment whose configuration it uses; null: it is no preview, but is being destroyed."),
    endsAt: time.describe(
      "When it expires or was removed, with all its values; a deployment of code to it extends that.",
    ),
  })
  .meta({ id: "Preview" });
export type PreviewView = ViewOf<typeof previewView>;

export const environmentState = z
  .enum(["serving", "deploying", "degraded", "stopped", "empty"])
  .describe(
    "`degraded`: fewer instances are ready than wanted, or the edge answers no clients. `empty`: nothing was ever live.",
  );

export const urlView = z.object({
  service: z.string(),
  url: z.string(),
  internal: z.boolean().describe("Only instances of the same environment get an answer there."),
});
export type UrlView = ViewOf<typeof urlView>;

export const environmentView = z
  .object({
    app: z.string(),
    environment: z.string(),
    release: releaseNameSchema.nullable(),
    state: environmentState,
    urls: z.array(urlView),
    preview: previewView.nullable().describe("Null: it is not stopped."),
  })
  .meta({ id: "Environment" });
export type EnvironmentView = ViewOf<typeof environmentView>;

export const environmentList = z.object({ items: z.array(environmentView) }).meta({ id: "EnvironmentList" });
export type EnvironmentList = ViewOf<typeof environmentList>;

export const instanceView = z
  .object({
    id: z.string().describe("Its name."),
    release: releaseNameSchema,
    artifact: z.string(),
    state: z.enum(["starting", "ready", "not-ready", "draining", "stopping", "crashed", "backing-off"]),
    ready: z.boolean(),
    url: z.string().nullable().describe("Its own address, behind the edge; null if it has none."),
    startedAt: time,
    restarts: z.int().describe("How often it was restarted after a crash."),
    memoryBytes: z.int().nullable(),
    cpuMs: durationMs.nullable().describe("CPU time since its start."),
    gate: z.string().nullable().describe("How it passed its gate, or the result of its last probe."),
    written: z
      .array(z.string())
      .describe("Files that it wrote beside its code, which are removed with it; caches and logs are not listed."),
  })
  .meta({ id: "Instance" });
export type InstanceView = ViewOf<typeof instanceView>;

/** `status --json`: what is observed, never what was asked for. */
export const statusView = z
  .object({
    app: z.string(),
    environment: z.string(),
    state: environmentState,
    release: releaseNameSchema.nullable().describe("The release that serves."),
    code: codeView.nullable().describe("Of the release that serves; null: none does."),
    deployment: deploymentView.nullable().describe("The running deployment, otherwise the newest."),
    queue: z.array(deploymentView).describe("Those waiting behind it, oldest first."),
    services: z.array(
      z.object({
        name: z.string(),
        desired: z.int(),
        single: z.boolean(),
        instances: z.array(instanceView),
      }),
    ),
    urls: z.array(urlView),
    edge: z
      .object({
        answers: z.boolean().describe("Whether clients get an answer, by a probe like a client's request."),
        since: time.nullable().describe("Since when; null: not probed yet."),
        detail: z.string().nullable().describe("What is wrong with it; null: nothing."),
      })
      .describe("The edge, which all environments share."),
    logs: z
      .object({
        behindSince: time.nullable().describe("Since when lines cannot be stored; null: they are stored."),
        detail: z.string().nullable().describe("Why they cannot be stored; null: they are."),
      })
      .describe("The log store, which all environments share."),
    stateLoss: z
      .string()
      .nullable()
      .describe(
        "Which files of the state directory were taken away while the controller runs; null: none. Changes are refused.",
      ),
    maintenance: z
      .object({
        on: z.boolean().describe("Whether it is requested."),
        closed: z.boolean().describe("Whether the edge answers 503 for every service right now."),
        message: z.string().nullable(),
        page: z.boolean().describe("Whether browsers get a custom page."),
      })
      .describe("Set by `maintenance on` and `off`."),
    preview: previewView.nullable().describe("Null: it is not stopped."),
    protected: z
      .object({
        confirm: z.boolean(),
        branches: z.array(z.string()).nullable(),
        who: z.array(z.string()).nullable(),
      })
      .nullable()
      .describe(
        "Its protection: whether every change needs its name, which branches may be deployed, and who may change it (null: any, anybody).",
      ),
    staged: z
      .object({
        release: releaseNameSchema,
        source: digest,
        message: z.string().nullable(),
        stagedAt: time,
        stagedBy: z.string(),
      })
      .nullable()
      .describe(
        "Code that is built and waits for a deployment of kind `staged`, and the release that it was built for.",
      ),
    jobs: z.array(z.object({ name: z.string() })),
    data: z.array(z.object({ name: z.string() })),
  })
  .meta({ id: "Status" });
export type StatusView = ViewOf<typeof statusView>;

export const environmentRoutes = {
  environments: {
    method: "get",
    path: "/v1/environments",
    action: "read",
    status: 200,
    answer: environmentList,
    summary: "All environments and what they serve",
  },
  status: {
    method: "get",
    path: `${environmentPath}/status`,
    action: "read",
    status: 200,
    answer: statusView,
    summary: "Show the observed state",
  },
  stop: {
    method: "post",
    path: `${environmentPath}/stop`,
    action: "stop",
    status: 202,
    answer: statusView,
    summary: "Stop every instance until the next deployment; data is not changed",
  },
  destroy: {
    method: "delete",
    path: environmentPath,
    action: "stop",
    status: 202,
    answer: statusView,
    summary: "Destroy an environment with its releases, values and logs; always needs Fairlead-Confirm",
  },
} as const satisfies Routes;
