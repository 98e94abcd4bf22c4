import { z } from "zod";
import { logBatchView } from "./logs.ts";
import { environmentPath } from "./paths.ts";
import type { Routes, ViewOf } from "./route.ts";
import {
  digest,
  durationMs,
  faultView,
  name,
  pageQuery,
  pageSchema,
  releaseNameSchema,
  releaseReference,
  time,
} from "./scalars.ts";

/** Where a deployment is. The names never change their meaning. */
export const phaseView = z.enum([
  "queued",
  "prepare",
  "build",
  "protect",
  "release",
  "start",
  "gate",
  "switch",
  "watch",
  "drain",
  "undo",
  "ended",
]);

export const deploymentStatus = z
  .enum(["queued", "running", "live", "staged", "failed", "rolled-back", "cancelled", "superseded"])
  .describe("`queued` or `running` until it ends; then one of the others, permanently.");

export const gateView = z
  .object({
    service: z.string(),
    instance: z.string(),
    gate: z.string().describe("How it passed its gate, e.g. `GET /ready → 200, 2 in a row`."),
    tookMs: durationMs,
  })
  .meta({ id: "Gate" });

export const deploymentCheckView = z
  .object({
    when: z
      .enum(["before", "gate", "after"])
      .describe(
        "`before`: before the release command. `gate`: a warning of an instance that is not ready yet. `after`: after the switch.",
      ),
    service: z.string().nullable().describe("Null: of the release as a whole."),
    name: z.string(),
    outcome: z.enum(["passed", "warned", "failed"]).describe("Only a failed check ends the deployment."),
    tookMs: durationMs,
    detail: z.string().describe("The result, e.g. `exit 1` or `GET /health → 200`; secrets are hidden."),
  })
  .meta({ id: "DeploymentCheck" });

export const deploymentView = z
  .object({
    id: z.string(),
    app: z.string(),
    environment: z.string(),
    kind: z.enum(["deploy", "stage", "rollback", "restart"]),
    status: deploymentStatus,
    phase: phaseView,
    phases: z.array(z.object({ phase: phaseView, at: time })).describe("Every phase entered, in order."),
    release: releaseNameSchema,
    previous: releaseNameSchema.nullable().describe("The release that served when it began."),
    services: z.array(z.string()).nullable().describe("The services to replace; null means all."),
    gates: z.array(gateView),
    checks: z.array(deploymentCheckView).describe("Results of its checks so far, in the order in which they ended."),
    fault: faultView.nullable(),
    culprit: z.string().nullable().describe("The instance or task whose own log lines explain the fault."),
    createdAt: time,
    createdBy: z.string(),
    endedAt: time.nullable(),
    durationMs: durationMs.describe("From its creation to its end, or to now while it runs."),
  })
  .meta({ id: "Deployment" });
export type DeploymentView = ViewOf<typeof deploymentView>;

/** `deploy --json`, `rollback --json` and `restart --json`, and the answer to the request that began it. */
export const deploymentAnswer = z.object({ deployment: deploymentView }).meta({ id: "DeploymentAnswer" });

export const stepView = z
  .object({
    id: z.int(),
    what: z.string().describe("The action, e.g. `start`."),
    subject: z.string(),
    why: z.string(),
    begunAt: time,
    endedAt: time.nullable(),
    fault: faultView.nullable(),
  })
  .meta({ id: "Step" });

export const sourceCommit = z
  .strictObject({
    id: z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "must be the whole id of a Git commit"),
    dirty: z.boolean().describe("Whether the source differs from the commit."),
  })
  .meta({ id: "SourceCommit" });

/** Where the code of a release comes from, as reported at deployment. */
export const codeView = z
  .object({
    branch: z.string().nullable().describe("The Git branch of the source; null: not known."),
    commit: sourceCommit.nullable().describe("The Git commit of the source; null: not known."),
  })
  .meta({ id: "Code" });
export type CodeView = ViewOf<typeof codeView>;

export const deploymentDetail = z
  .object({
    deployment: deploymentView,
    code: codeView.nullable().describe("Of its release; null: that is no longer kept."),
    steps: z.array(stepView),
  })
  .meta({ id: "DeploymentDetail" });
export type DeploymentDetail = ViewOf<typeof deploymentDetail>;

export const deploymentPage = pageSchema(deploymentView).meta({ id: "DeploymentPage" });

const permit = z
  .strictObject({
    rules: z.array(z.string().max(50)).min(1).max(50),
    because: z.string().trim().min(1, "must give a reason").max(500),
  })
  .optional()
  .describe("Errors of the readiness check to allow, and the reason; recorded with the release.");

/** What is said of code that goes live. */
export const sourced = {
  source: digest,
  branch: z
    .string()
    .regex(/^\w[\w./+@-]{0,199}$/, "must be the name of a Git branch")
    .optional()
    .describe("The Git branch of the source; an environment may accept only certain branches."),
  commit: sourceCommit.optional().describe("The Git commit of the source."),
  message: z.string().max(500).optional(),
  allow: permit,
};

export const deploymentRequest = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("deploy"), ...sourced }),
    z.strictObject({
      kind: z.literal("stage").describe("Built, and kept for a deployment of the kind `staged`."),
      ...sourced,
    }),
    z.strictObject({
      kind: z.literal("promote"),
      from: name.describe(
        "The environment whose live release is deployed here: its artifacts, with the configuration of this one.",
      ),
      message: z.string().max(500).optional(),
      allow: permit,
    }),
    z.strictObject({
      kind: z.literal("staged").describe("The staged code, with the message and rules given at staging."),
    }),
    z.strictObject({
      kind: z.literal("rollback"),
      release: releaseReference
        .optional()
        .describe("Default: the newest release that was live before the serving one."),
    }),
    z.strictObject({
      kind: z.literal("restart"),
      services: z.array(name).min(1).max(100).optional().describe("Default: all."),
    }),
  ])
  .meta({ id: "DeploymentRequest" });
export type DeploymentRequest = ViewOf<typeof deploymentRequest>;

export const deploymentRoutes = {
  beginDeployment: {
    method: "post",
    path: `${environmentPath}/deployments`,
    action: "deploy",
    status: 202,
    body: deploymentRequest,
    answer: deploymentAnswer,
    summary: "Deploy or stage a source, deploy staged code, promote, roll back or restart",
  },
  deployments: {
    method: "get",
    path: `${environmentPath}/deployments`,
    action: "read",
    status: 200,
    query: pageQuery,
    answer: deploymentPage,
    summary: "List deployments, newest first",
  },
  deployment: {
    method: "get",
    path: "/v1/deployments/{id}",
    action: "read",
    status: 200,
    answer: deploymentDetail,
    summary: "One deployment with all its steps",
  },
  cancelDeployment: {
    method: "post",
    path: "/v1/deployments/{id}/cancel",
    action: "deploy",
    status: 202,
    answer: deploymentAnswer,
    summary: "Cancel a deployment; the previous release keeps serving",
  },
  deploymentProgress: {
    method: "get",
    path: "/v1/deployments/{id}/progress",
    action: "read",
    status: 200,
    media: "text/event-stream",
    messages: { deployment: deploymentAnswer, log: logBatchView },
    summary:
      "Messages `deployment` (the whole DeploymentAnswer after every change) and, if it failed, `log` (LogBatch) with the last lines of the instance that caused it; closes at its end",
  },
} as const satisfies Routes;
