import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { Fault, isErrno } from "../base/faults.ts";
import type { AuditEntryView } from "../contract/audit.ts";
import type { DoctorAnswer, InfoView } from "../contract/controller.ts";
import type { DeploymentAnswer, DeploymentDetail, DeploymentRequest, DeploymentView } from "../contract/deployments.ts";
import type {
  CertificateRequest,
  DomainCheckRequest,
  DomainCheckView,
  DomainList,
  DomainView,
} from "../contract/domains.ts";
import type { EnvironmentList, StatusView } from "../contract/environments.ts";
import type { LogBatchView, LogPage, StoredLogView } from "../contract/logs.ts";
import type { MaintenanceRequest } from "../contract/maintenance.ts";
import type { PlanAnswer, PlanRequest } from "../contract/plan.ts";
import type { PreviewAnswer, PreviewRequest } from "../contract/previews.ts";
import type { ReleaseDetail, ReleaseView } from "../contract/releases.ts";
import type { ScaleRequest, ScaleView } from "../contract/scale.ts";
import type { TaskAnswer, TaskRequest, TaskView } from "../contract/tasks.ts";
import type { CreatedTokenView, TokenList, TokenRequest } from "../contract/tokens.ts";
import type {
  RevealedVariables,
  VariableDiff,
  VariableOrigins,
  VariablesAnswer,
  VariablesRequest,
  VariablesView,
  VersionList,
} from "../contract/variables.ts";
import type { VaultRecovery, VaultRotation } from "../contract/vault.ts";
import { pause, streamMessages } from "./events.ts";
import { type Call, type ClientOptions, parseAnswer, problemFault, readText, Transport } from "./transport.ts";

export interface Key {
  readonly app: string;
  readonly environment: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

/** What to read of an environment's log; times are RFC 3339. */
export interface LogQuery {
  readonly service?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly grep?: string;
  readonly level?: string;
  readonly release?: string;
  readonly instance?: string;
  readonly tail?: number;
  readonly after?: number;
  readonly limit?: number;
}

/** What a deployment's progress stream says: how it is now, or lines of the instance that failed. */
export type ProgressMessage =
  | { readonly kind: "deployment"; readonly deployment: DeploymentView }
  | { readonly kind: "log"; readonly lines: readonly StoredLogView[] };

/** Which entries of the audit; `since` is RFC 3339. Without a key those of the whole controller and all environments. */
export interface AuditQuery extends PageQuery {
  readonly key?: Key;
  readonly since?: string;
}

type Member = string | number | readonly string[] | undefined;

/** A path with its members escaped, so that a name can never become another path. */
function path(parts: TemplateStringsArray, ...members: readonly string[]): string {
  return parts.reduce((text, part, i) => `${text}${encodeURIComponent(members[i - 1] ?? "")}${part}`);
}

function withQuery(base: string, query: Readonly<Record<string, Member>>): string {
  const search = new URLSearchParams();
  for (const [name, member] of Object.entries(query)) {
    if (member === undefined) continue;
    for (const value of Array.isArray(member) ? member : [member]) search.append(name, String(value));
  }
  return search.size === 0 ? base : `${base}?${search}`;
}

function environmentPath({ app, environment }: Key): string {
  return path`/v1/apps/${app}/environments/${environment}`;
}

/** How often, and after which time, somebody is looked for who knows what became of a request: for ten seconds. */
const revivals = 40;
const revivalMs = 250;

/**
 * The HTTP API of a controller as functions. Every failure is a `Fault`: the code of the problem document, or
 * `controller.unreachable` when nobody answers. Answers are trusted to follow src/contract: both ends are one package.
 */
export class Client {
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
  }

  /** Where it talks to, for messages. */
  get place(): string {
    return this.#transport.place;
  }

  info(): Promise<InfoView> {
    return this.#json({ method: "GET", path: "/v1/info" });
  }

  doctor(): Promise<DoctorAnswer> {
    return this.#json({ method: "GET", path: "/v1/doctor" });
  }

  domains(): Promise<DomainList> {
    return this.#json({ method: "GET", path: "/v1/domains" });
  }

  addCertificate(host: string, request: CertificateRequest): Promise<DomainView> {
    const body = JSON.stringify(request);
    return this.#json({ method: "PUT", path: path`/v1/domains/${host}/certificate`, body });
  }

  async removeCertificate(host: string): Promise<void> {
    const call = { method: "DELETE", path: path`/v1/domains/${host}/certificate` };
    (await this.#transport.send(call)).body.resume();
  }

  checkDomain(host: string, request: DomainCheckRequest): Promise<DomainCheckView> {
    const body = JSON.stringify(request);
    return this.#json({ method: "POST", path: path`/v1/domains/${host}/check`, body });
  }

  async hasSource(digest: string): Promise<boolean> {
    const answer = await this.#transport.exchange({ method: "HEAD", path: path`/v1/sources/${digest}` });
    answer.body.resume();
    if (answer.status === 404) return false;
    if (answer.status < 300) return true;
    // An answer to HEAD has no words: what is wrong with who asks, this tells.
    await this.info();
    throw problemFault(answer.status, "");
  }

  /** Uploads a source tree as a tar stream. Faults: `source.digest-mismatch`, `source.unsafe`, `request.too-large`. */
  async putSource(digest: string, tar: Readable): Promise<void> {
    const headers = { "content-type": "application/x-tar" };
    const call = { method: "PUT", path: path`/v1/sources/${digest}`, headers, body: tar };
    (await this.#transport.send(call)).body.resume();
  }

  environments(): Promise<EnvironmentList> {
    return this.#json({ method: "GET", path: "/v1/environments" });
  }

  status(key: Key): Promise<StatusView> {
    return this.#json({ method: "GET", path: `${environmentPath(key)}/status` });
  }

  /** Begins a deployment. It is sent with a key of its own, so that a lost answer cannot make it two. */
  beginDeployment(key: Key, request: DeploymentRequest): Promise<DeploymentAnswer> {
    const call = { method: "POST", path: `${environmentPath(key)}/deployments`, body: JSON.stringify(request) };
    return this.#once(call, revivals);
  }

  deployments(key: Key, query: PageQuery = {}): Promise<Page<DeploymentView>> {
    return this.#json({ method: "GET", path: withQuery(`${environmentPath(key)}/deployments`, { ...query }) });
  }

  deployment(id: string): Promise<DeploymentDetail> {
    return this.#json({ method: "GET", path: path`/v1/deployments/${id}` });
  }

  cancelDeployment(id: string): Promise<DeploymentAnswer> {
    return this.#json({ method: "POST", path: path`/v1/deployments/${id}/cancel` });
  }

  /** How a deployment goes, from now to its end; a lost connection is opened again. */
  async *progress(id: string, signal?: AbortSignal): AsyncGenerator<ProgressMessage> {
    let ended = false;
    const options = { path: path`/v1/deployments/${id}/progress`, isComplete: () => ended };
    const messages = streamMessages(this.#transport, signal === undefined ? options : { ...options, signal });
    for await (const { event, data } of messages) {
      if (event === "deployment") {
        const { deployment } = parseAnswer(data) as DeploymentAnswer;
        ended = deployment.phase === "ended";
        yield { kind: "deployment", deployment };
      }
      if (event === "log") yield { kind: "log", ...(parseAnswer(data) as LogBatchView) };
    }
  }

  plan(key: Key, request: PlanRequest): Promise<PlanAnswer> {
    return this.#json({ method: "POST", path: `${environmentPath(key)}/plan`, body: JSON.stringify(request) });
  }

  releases(key: Key, query: PageQuery = {}): Promise<Page<ReleaseView>> {
    return this.#json({ method: "GET", path: withQuery(`${environmentPath(key)}/releases`, { ...query }) });
  }

  release(key: Key, release: string): Promise<ReleaseDetail> {
    return this.#json({ method: "GET", path: `${environmentPath(key)}${path`/releases/${release}`}` });
  }

  releaseDiff(key: Key, between: { from: string; to: string }): Promise<PlanAnswer> {
    const tail = path`/releases/${between.from}/diff/${between.to}`;
    return this.#json({ method: "GET", path: `${environmentPath(key)}${tail}` });
  }

  logs(key: Key, query: LogQuery): Promise<LogPage> {
    return this.#json({ method: "GET", path: withQuery(`${environmentPath(key)}/logs`, { ...query }) });
  }

  /** Lines as they come, none twice and none left out; a lost connection is opened again after the last line seen. */
  async *logStream(key: Key, query: LogQuery, signal?: AbortSignal): AsyncGenerator<LogBatchView> {
    const options = { path: withQuery(`${environmentPath(key)}/logs/stream`, { ...query }) };
    const messages = streamMessages(this.#transport, signal === undefined ? options : { ...options, signal });
    for await (const { data } of messages) yield parseAnswer(data) as LogBatchView;
  }

  audit({ key, ...query }: AuditQuery): Promise<Page<AuditEntryView>> {
    return this.#json({ method: "GET", path: withQuery("/v1/audit", { ...key, ...query }) });
  }

  tokens(): Promise<TokenList> {
    return this.#json({ method: "GET", path: "/v1/tokens" });
  }

  /** The text of the token is in this answer and nowhere else. */
  createToken(name: string, request: TokenRequest): Promise<CreatedTokenView> {
    return this.#json({ method: "PUT", path: path`/v1/tokens/${name}`, body: JSON.stringify(request) });
  }

  async revokeToken(name: string): Promise<void> {
    (await this.#transport.send({ method: "DELETE", path: path`/v1/tokens/${name}` })).body.resume();
  }

  scale(key: Key): Promise<ScaleView> {
    return this.#json({ method: "GET", path: `${environmentPath(key)}/scale` });
  }

  changeScale(key: Key, request: ScaleRequest): Promise<ScaleView> {
    return this.#json({ method: "PATCH", path: `${environmentPath(key)}/scale`, body: JSON.stringify(request) });
  }

  variables(key: Key): Promise<VariablesView> {
    return this.#json({ method: "GET", path: `${environmentPath(key)}/variables` });
  }

  variableDiff(key: Key, other: string): Promise<VariableDiff> {
    return this.#json({ method: "GET", path: `${environmentPath(key)}${path`/diff/${other}`}` });
  }

  /** With the ETag, by which a change is refused when somebody else was faster. */
  async taggedVariables(key: Key): Promise<{ readonly etag: string; readonly document: VariablesView }> {
    const { headers, body } = await this.#transport.send({ method: "GET", path: `${environmentPath(key)}/variables` });
    return { etag: headers.etag ?? "", document: parseAnswer(await readText(body)) as VariablesView };
  }

  /** In the clear; the controller writes down who asked. */
  revealVariables(key: Key): Promise<RevealedVariables> {
    return this.#json({ method: "POST", path: `${environmentPath(key)}/variables/reveal` });
  }

  explainVariable(key: Key, variable: string): Promise<VariableOrigins> {
    return this.#json({ method: "GET", path: `${environmentPath(key)}${path`/variables/${variable}/origins`}` });
  }

  versions(key: Key, variable: string): Promise<VersionList> {
    return this.#json({ method: "GET", path: `${environmentPath(key)}${path`/variables/${variable}/versions`}` });
  }

  async destroyVersion(key: Key, variable: string, version: string): Promise<void> {
    const place = `${environmentPath(key)}${path`/variables/${variable}/versions/${version}`}`;
    (await this.#transport.send({ method: "DELETE", path: place })).body.resume();
  }

  /** The vault's master key in the clear, to be encrypted at once. */
  recoverVault(): Promise<VaultRecovery> {
    return this.#json({ method: "POST", path: "/v1/vault/recovery" });
  }

  /** Exchanges every key of the vault; what is sealed stays readable throughout. */
  rotateVault(): Promise<VaultRotation> {
    return this.#json({ method: "POST", path: "/v1/vault/rotate" });
  }

  /** Fault with the ETag of another revision: `document.stale`. */
  changeVariables(key: Key, request: VariablesRequest, etag?: string): Promise<VariablesAnswer> {
    const path = `${environmentPath(key)}/variables`;
    const headers = etag === undefined ? {} : { "if-match": etag };
    return this.#once({ method: "PATCH", path, headers, body: JSON.stringify(request) }, revivals);
  }

  beginMaintenance(key: Key, request: MaintenanceRequest): Promise<StatusView> {
    return this.#json({ method: "PUT", path: `${environmentPath(key)}/maintenance`, body: JSON.stringify(request) });
  }

  endMaintenance(key: Key): Promise<StatusView> {
    return this.#json({ method: "DELETE", path: `${environmentPath(key)}/maintenance` });
  }

  /** Makes a preview, or deploys to it; like `beginDeployment` a lost answer cannot make it two. */
  createPreview(key: Key, request: PreviewRequest): Promise<PreviewAnswer> {
    const call = { method: "POST", path: `${environmentPath(key)}/preview`, body: JSON.stringify(request) };
    return this.#once(call, revivals);
  }

  /** Has a preview taken down now. */
  removePreview(key: Key): Promise<StatusView> {
    return this.#json({ method: "DELETE", path: `${environmentPath(key)}/preview` });
  }

  stop(key: Key): Promise<StatusView> {
    return this.#json({ method: "POST", path: `${environmentPath(key)}/stop` });
  }

  /** Starts a command once; like `beginDeployment` a lost answer cannot make it two. */
  beginTask(key: Key, request: TaskRequest): Promise<TaskAnswer> {
    return this.#once({ method: "POST", path: `${environmentPath(key)}/tasks`, body: JSON.stringify(request) });
  }

  task(key: Key, task: string): Promise<TaskView> {
    return this.#json({ method: "GET", path: `${environmentPath(key)}${path`/tasks/${task}`}` });
  }

  /** Bytes that a task wrote and writes, until it has ended. */
  async taskOutput(key: Key, output: { task: string; stream: "stdout" | "stderr" }): Promise<AsyncIterable<Buffer>> {
    const base = `${environmentPath(key)}${path`/tasks/${output.task}/output`}`;
    return (await this.#transport.send({ method: "GET", path: withQuery(base, { stream: output.stream }) })).body;
  }

  async removeTask(key: Key, task: string): Promise<void> {
    const answer = await this.#transport.send({
      method: "DELETE",
      path: `${environmentPath(key)}${path`/tasks/${task}`}`,
    });
    answer.body.resume();
  }

  /** Any request, for `fairlead api`: the body as text. Faults as everywhere. */
  async raw(call: { method: string; path: string; body?: string }): Promise<string> {
    return readText((await this.#transport.send(call)).body);
  }

  async #json<T>(call: Call): Promise<T> {
    return parseAnswer(await readText((await this.#transport.send(call)).body)) as T;
  }

  /**
   * With an Idempotency-Key: sent again when the connection broke, for the key makes that harmless; with `patience` until
   * a controller that died is there again, which knows whether its predecessor had done it, or one that lives has done it.
   */
  async #once<T>(call: Call, patience = 1): Promise<T> {
    const keyed = { ...call, headers: { ...call.headers, "idempotency-key": randomUUID() } };
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.#json<T>(keyed);
      } catch (error) {
        if (tries === patience || !isLost(error, tries > 0)) throw error;
      }
      if (tries > 0) await pause(revivalMs);
    }
  }
}

/** Whether an answer may have been lost; afterwards also whether nobody is there to give one, or it is not known yet. */
function isLost(error: unknown, isAgain: boolean): boolean {
  if (!(error instanceof Fault)) return false;
  if (error.code === "idempotency.in-flight") return isAgain;
  if (error.code !== "controller.unreachable") return false;
  return isErrno(error.cause, "ECONNRESET", "EPIPE", ...(isAgain ? ["ECONNREFUSED", "ENOENT"] : []));
}
