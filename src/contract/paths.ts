import { z } from "zod";
import { auditPage, auditQuery } from "./audit.ts";
import { planAnswer, planRequest } from "./changes.ts";
import { doctorAnswer, infoView } from "./controller.ts";
import { deploymentAnswer, deploymentDetail, deploymentPage, deploymentRequest } from "./deployments.ts";
import {
  maintenanceRequest,
  revealedVariables,
  scaleDocument,
  scaleRequest,
  variableDiff,
  variableOrigins,
  variablesAnswer,
  variablesDocument,
  variablesRequest,
  vaultRecovery,
  vaultRotation,
  versionList,
} from "./documents.ts";
import { certificateRequest, domainCheck, domainCheckRequest, domainList, domainView } from "./domains.ts";
import { eventPage, eventStreamQuery, eventsQuery } from "./events.ts";
import { logPage, logStreamQuery, logsQuery } from "./logs.ts";
import { previewAnswer, previewRequest } from "./previews.ts";
import { releaseDetail, releasePage } from "./releases.ts";
import { cursor, pageLimit } from "./scalars.ts";
import { environmentList, statusView } from "./status.ts";
import { taskAnswer, taskOutputQuery, taskRequest, taskView } from "./tasks.ts";
import { tokenCreated, tokenList, tokenRequest } from "./tokens.ts";

/** One path and method of the API. `answer` is the JSON of a success; without one the answer is what `media` says. */
export interface RouteContract {
  readonly method: "get" | "head" | "put" | "post" | "patch" | "delete";
  readonly path: `/${string}`;
  readonly summary: string;
  readonly status: 200 | 201 | 202 | 204;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answer?: z.ZodType;
  readonly media?: "text/plain" | "text/event-stream" | "application/octet-stream" | "application/json";
  /** The answer has secrets in it and is kept nowhere: also not for an Idempotency-Key, which is not looked at. */
  readonly unkept?: true;
}

const page = z.strictObject({ limit: pageLimit, cursor });
const environment = "/v1/apps/{app}/environments/{environment}" as const;

/** The whole API, in the order of docs/api.md. */
export const routes = {
  health: { method: "get", path: "/healthz", status: 200, media: "text/plain", summary: "Whether the controller runs" },
  readiness: {
    method: "get",
    path: "/readyz",
    status: 200,
    media: "text/plain",
    summary: "Whether the journal answers, and the edge its clients; a fault when not",
  },
  metrics: {
    method: "get",
    path: "/metrics",
    status: 200,
    media: "text/plain",
    summary: "Metrics as Prometheus reads them",
  },
  openapi: {
    method: "get",
    path: "/v1/openapi.json",
    status: 200,
    media: "application/json",
    summary: "This API as an OpenAPI 3.1 document",
  },
  info: { method: "get", path: "/v1/info", status: 200, answer: infoView, summary: "What controller this is" },
  doctor: { method: "get", path: "/v1/doctor", status: 200, answer: doctorAnswer, summary: "Checks of this machine" },
  domains: {
    method: "get",
    path: "/v1/domains",
    status: 200,
    answer: domainList,
    summary: "Hosts of served routes, and hosts with a certificate, and how they stand",
  },
  addCertificate: {
    method: "put",
    path: "/v1/domains/{host}/certificate",
    status: 200,
    body: certificateRequest,
    answer: domainView,
    summary: "Serve a host with a certificate of one's own, or with one of this machine's authority",
  },
  removeCertificate: {
    method: "delete",
    path: "/v1/domains/{host}/certificate",
    status: 204,
    summary: "Forget the certificates of exactly this host",
  },
  checkDomain: {
    method: "post",
    path: "/v1/domains/{host}/check",
    status: 200,
    body: domainCheckRequest,
    answer: domainCheck,
    summary: "Look at name, port and certificate of a host as an authority would",
  },
  hasSource: {
    method: "head",
    path: "/v1/sources/{digest}",
    status: 204,
    summary: "Whether a source tree is there already; 404 when not",
  },
  putSource: {
    method: "put",
    path: "/v1/sources/{digest}",
    status: 204,
    summary: "Upload a source tree as a tar stream; the digest is checked",
  },
  environments: {
    method: "get",
    path: "/v1/environments",
    status: 200,
    answer: environmentList,
    summary: "All environments and what they serve",
  },
  status: {
    method: "get",
    path: `${environment}/status`,
    status: 200,
    answer: statusView,
    summary: "What is observed right now",
  },
  beginDeployment: {
    method: "post",
    path: `${environment}/deployments`,
    status: 202,
    body: deploymentRequest,
    answer: deploymentAnswer,
    summary: "Deploy or stage a source, deploy what is staged, promote, roll back or restart",
  },
  deployments: {
    method: "get",
    path: `${environment}/deployments`,
    status: 200,
    query: page,
    answer: deploymentPage,
    summary: "Deployments, newest first",
  },
  deployment: {
    method: "get",
    path: "/v1/deployments/{id}",
    status: 200,
    answer: deploymentDetail,
    summary: "One deployment with every step that was done for it",
  },
  cancelDeployment: {
    method: "post",
    path: "/v1/deployments/{id}/cancel",
    status: 202,
    answer: deploymentAnswer,
    summary: "Ask a deployment to end; what served before goes on serving",
  },
  deploymentProgress: {
    method: "get",
    path: "/v1/deployments/{id}/progress",
    status: 200,
    media: "text/event-stream",
    summary:
      "Messages `deployment` (DeploymentAnswer, the whole of it whenever it changed) and, when it failed, `log` (LogBatch) with the last lines of the culprit; closes after its end",
  },
  plan: {
    method: "post",
    path: `${environment}/plan`,
    status: 200,
    body: planRequest,
    answer: planAnswer,
    summary: "What deploying an uploaded or staged source, or promoting an environment, would change; nothing is done",
  },
  releases: {
    method: "get",
    path: `${environment}/releases`,
    status: 200,
    query: page,
    answer: releasePage,
    summary: "Releases, newest first",
  },
  release: {
    method: "get",
    path: `${environment}/releases/{release}`,
    status: 200,
    answer: releaseDetail,
    summary: "One release with its manifest",
  },
  releaseDiff: {
    method: "get",
    path: `${environment}/releases/{from}/diff/{to}`,
    status: 200,
    answer: planAnswer,
    summary: "What differs between two releases; values of variables are not shown",
  },
  variableDiff: {
    method: "get",
    path: `${environment}/diff/{other}`,
    status: 200,
    answer: variableDiff,
    summary: "Which variables are the same here and in another environment; for those who may read both",
  },
  logs: {
    method: "get",
    path: `${environment}/logs`,
    status: 200,
    query: logsQuery,
    answer: logPage,
    summary: "Log lines, oldest first",
  },
  logStream: {
    method: "get",
    path: `${environment}/logs/stream`,
    status: 200,
    query: logStreamQuery,
    media: "text/event-stream",
    summary: "Log lines as they come: messages `lines` (LogBatch); resumes after Last-Event-ID",
  },
  events: {
    method: "get",
    path: `${environment}/events`,
    status: 200,
    query: eventsQuery,
    answer: eventPage,
    summary: "What happened, oldest first",
  },
  eventStream: {
    method: "get",
    path: `${environment}/events/stream`,
    status: 200,
    query: eventStreamQuery,
    media: "text/event-stream",
    summary: "What happens as it happens: messages `event` (Event); resumes after Last-Event-ID",
  },
  audit: {
    method: "get",
    path: "/v1/audit",
    status: 200,
    query: auditQuery,
    answer: auditPage,
    summary: "Who changed what, and who was shown which secrets, newest first",
  },
  tokens: { method: "get", path: "/v1/tokens", status: 200, answer: tokenList, summary: "Tokens for access over TCP" },
  createToken: {
    method: "put",
    path: "/v1/tokens/{token}",
    status: 201,
    body: tokenRequest,
    answer: tokenCreated,
    summary: "Make a token of this name; only over the controller's own socket, and never of a name that is taken",
  },
  revokeToken: {
    method: "delete",
    path: "/v1/tokens/{token}",
    status: 204,
    summary: "Take a token back; only over the controller's own socket",
  },
  scale: {
    method: "get",
    path: `${environment}/scale`,
    status: 200,
    answer: scaleDocument,
    summary: "Replicas of every service, with an ETag",
  },
  changeScale: {
    method: "patch",
    path: `${environment}/scale`,
    status: 200,
    body: scaleRequest,
    answer: scaleDocument,
    summary: "Set replicas; honours If-Match",
  },
  variables: {
    method: "get",
    path: `${environment}/variables`,
    status: 200,
    answer: variablesDocument,
    summary: "Variables of the environment, with an ETag",
  },
  revealVariables: {
    method: "post",
    path: `${environment}/variables/reveal`,
    status: 200,
    answer: revealedVariables,
    unkept: true,
    summary: "Variables in the clear; who asked is kept in the audit",
  },
  explainVariable: {
    method: "get",
    path: `${environment}/variables/{variable}/origins`,
    status: 200,
    answer: variableOrigins,
    summary: "Where every service has a variable from, and which rules hold for it",
  },
  versions: {
    method: "get",
    path: `${environment}/variables/{variable}/versions`,
    status: 200,
    answer: versionList,
    summary: "Every version of a set value, newest first, and which releases have it",
  },
  recoverVault: {
    method: "post",
    path: "/v1/vault/recovery",
    status: 200,
    answer: vaultRecovery,
    unkept: true,
    summary: "The vault's master key, for a bundle that its reader encrypts and keeps elsewhere",
  },
  rotateVault: {
    method: "post",
    path: "/v1/vault/rotate",
    status: 200,
    answer: vaultRotation,
    summary: "Exchange the keys of the vault, and seal every value anew",
  },
  destroyValue: {
    method: "delete",
    path: `${environment}/variables/{variable}/versions/{version}`,
    status: 204,
    summary: "Destroy one version of a value that no release needs that can be gone back to",
  },
  changeVariables: {
    method: "patch",
    path: `${environment}/variables`,
    status: 200,
    body: variablesRequest,
    answer: variablesAnswer,
    summary: "Set and forget variables and deploy the change; honours If-Match",
  },
  beginMaintenance: {
    method: "put",
    path: `${environment}/maintenance`,
    status: 202,
    body: maintenanceRequest,
    answer: statusView,
    summary: "Close it to its users: the edge answers 503 for every service, everything goes on behind it",
  },
  endMaintenance: {
    method: "delete",
    path: `${environment}/maintenance`,
    status: 202,
    answer: statusView,
    summary: "Open it to its users again",
  },
  createPreview: {
    method: "post",
    path: `${environment}/preview`,
    status: 202,
    body: previewRequest,
    answer: previewAnswer,
    summary: "Make a preview, or deploy to the one that is there",
  },
  removePreview: {
    method: "delete",
    path: `${environment}/preview`,
    status: 202,
    answer: statusView,
    summary: "Take a preview down now, with all its values",
  },
  stop: {
    method: "post",
    path: `${environment}/stop`,
    status: 202,
    answer: statusView,
    summary: "Stop every instance until the next deployment; data is not touched",
  },
  beginTask: {
    method: "post",
    path: `${environment}/tasks`,
    status: 201,
    body: taskRequest,
    answer: taskAnswer,
    summary: "Run a command once, in the artifact and environment of the serving release",
  },
  task: {
    method: "get",
    path: `${environment}/tasks/{task}`,
    status: 200,
    answer: taskView,
    summary: "Whether a task still runs and how it ended",
  },
  taskOutput: {
    method: "get",
    path: `${environment}/tasks/{task}/output`,
    status: 200,
    query: taskOutputQuery,
    media: "application/octet-stream",
    summary: "Output of a task, byte for byte, until it has ended",
  },
  removeTask: {
    method: "delete",
    path: `${environment}/tasks/{task}`,
    status: 204,
    summary: "Kill a task and forget it with its output",
  },
} as const satisfies Record<string, RouteContract>;
export type RouteName = keyof typeof routes;
