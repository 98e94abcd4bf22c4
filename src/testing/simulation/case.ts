import { parseDuration } from "../../base/duration.ts";
import { Fault, type FaultCode, type FaultRecord } from "../../base/faults.ts";
import type { CheckResult, Deployment, Phase, Verdict } from "../../model/deployment.ts";
import { destroyed, newEnvironment, type Preview, type Serving } from "../../model/environment.ts";
import {
  type CheckAnswer,
  type InstanceFacts,
  instanceName,
  type ObservedInstance,
  type ObservedTask,
  type ProbeState,
  type RetireReason,
} from "../../model/instance.ts";
import {
  type ArtifactState,
  plainBuild,
  type Release,
  type ServiceChecks,
  type ServiceSpec,
  unconfined,
} from "../../model/release.ts";
import type { RouteTable, UpstreamStats } from "../../model/route.ts";
import type { ObservedData, UnknownWorkload } from "../../model/workload.ts";
import { emptySnapshot, type Snapshot } from "../../plan/plan.ts";
import { tableFor } from "../../plan/routes.ts";
import { dataInstance } from "./bystanders.ts";
import { httpSpec, scriptKey, service } from "./script.ts";
import { caseNow, Words } from "./words.ts";

interface Draft {
  readonly services: { spec: ServiceSpec; only: number | null }[];
  readonly releases: { number: number; words: Words }[];
  readonly deployments: Deployment[];
  readonly instances: { seen: ObservedInstance; words: Words }[];
  readonly tasks: ObservedTask[];
  readonly kept: { readonly data: ObservedData[]; readonly unknownKinds: UnknownWorkload[] };
  readonly scale: Record<string, number>;
  readonly holds: string[];
  readonly misdated: string[];
  serving: Serving | null;
  stopped: boolean;
  /** The journal has nothing of the environment. */
  isUnknown: boolean;
  /** The fault that the last step was refused with for good. */
  refusal: FaultRecord | null;
  maintenance: boolean;
  preview: Preview | null;
  edgeUp: boolean;
}

/**
 * Reads a world out of plain lines, as `test/cases/plan/README.md` describes them. Faults: `request.invalid` for a line
 * that it does not know.
 */
export function readWorld(text: string): Snapshot {
  const builder: Draft = {
    services: [],
    releases: [],
    deployments: [],
    instances: [],
    tasks: [],
    kept: { data: [], unknownKinds: [] },
    scale: {},
    holds: [],
    misdated: [],
    serving: null,
    stopped: false,
    isUnknown: false,
    refusal: null,
    maintenance: false,
    preview: null,
    edgeUp: true,
  };
  for (const line of text.split("\n").map((raw) => raw.replace(/#.*$/, "").trim())) {
    if (line !== "") readLine(builder, line);
  }
  return complete(builder);
}

function readLine(builder: Draft, line: string): void {
  const [kind = "", ...rest] = line.split(/\s+/);
  const words = new Words(rest);
  switch (kind) {
    case "service":
      builder.services.push({ spec: readService(words), only: words.has("only") ? words.number("only") : null });
      return;
    case "release":
      builder.releases.push({ number: Number(words.at(0)), words });
      return;
    case "serving":
      builder.serving = { release: numberOf(words.at(0)), generations: { "*": words.at(1) } };
      return;
    case "deployment":
      builder.deployments.push(readDeployment(words));
      if (words.has("misdated")) builder.misdated.push(words.at(0));
      return;
    case "instance":
      builder.instances.push({ seen: readInstance(words), words });
      if (words.has("misdated")) builder.misdated.push(builder.instances.at(-1)?.seen.name ?? "");
      return;
    case "task":
      builder.tasks.push(readTask(words));
      return;
    default:
      return readRest(builder, kind, words);
  }
}

function readRest(builder: Draft, kind: string, words: Words): void {
  if (kind === "scale") builder.scale[words.at(0)] = Number(words.at(1));
  else if (kind === "hold") builder.holds.push(words.at(0));
  else if (kind === "stopped") builder.stopped = true;
  else if (kind === "unknown") builder.isUnknown = true;
  else if (kind === "refused") builder.refusal = new Fault(words.at(0) as FaultCode, "refused").toRecord();
  else if (kind === "maintenance") builder.maintenance = true;
  else if (kind === "preview") builder.preview = readPreview(words.at(0));
  else if (kind === "data") builder.kept.data.push(dataInstance(words.at(0), words.has("exit") ? 1 : null));
  else if (kind === "workload")
    builder.kept.unknownKinds.push({ name: words.at(0), kind: words.at(1), key: scriptKey });
  else if (kind === "edge" && words.at(0) === "down") builder.edgeUp = false;
  else throw new Fault("request.invalid", `a case has no line that begins with ${kind}`);
}

/** `preview 5m`: so long from now; `preview over` is due, `preview ended` was taken down, `preview destroyed` shall be. */
function readPreview(when: string): Preview {
  if (when === "destroyed") return destroyed;
  const leftMs = parseDuration(when) ?? 0;
  const endedAt = when === "ended" ? caseNow : null;
  return { from: "staging", ttlMs: 3_600_000, endsAt: caseNow + leftMs, endedAt };
}

function numberOf(release: string): number {
  return Number(release.replace(/^v/, ""));
}

function readService(words: Words): ServiceSpec {
  const name = words.at(0);
  const alive = words.has("alive") ? { path: "/alive", everyMs: 2_000, timeoutMs: 500, failures: 2 } : null;
  const routed = httpSpec(name, {
    alive,
    internal: words.has("internal"),
    ...(words.has("tcp") ? { ready: null } : {}),
  });
  return service(name, {
    http: words.has("http") ? routed : null,
    replicas: words.number("replicas") || 1,
    single: words.has("single"),
    needs: words.list("needs"),
    stop: { signal: "SIGTERM", withinMs: 2_000, drainMs: parseDuration(words.text("drain") ?? "") ?? 1_500 },
    release: words.has("migrates") ? ["node", "migrate.js"] : null,
    ...(words.text("migrates") && { releaseWithinMs: parseDuration(words.text("migrates") ?? "") ?? 0 }),
    checks: readChecks(words),
    ...unconfined,
    memoryBytes: words.has("memory") ? words.number("memory") : null,
  });
}

function readChecks(words: Words): ServiceChecks {
  const command = (name: string) => ({ name, proof: { command: ["node", `${name}.js`] }, withinMs: 60_000 });
  const question = (name: string) => {
    return { name, proof: { question: { path: `/${name}`, status: 200, json: [] } }, withinMs: 30_000 };
  };
  const after = [...words.list("after").map(command), ...words.list("asks").map(question)];
  return { before: words.list("before").map(command), after };
}

/** Results written `SERVICE/WHEN/NAME`. */
function readResult(text: string): CheckResult {
  const [service = "", when, name = ""] = text.split("/");
  return { when: when as CheckResult["when"], service, name, outcome: "passed", tookMs: 10, detail: "exit 0" };
}

function readDeployment(words: Words): Deployment {
  const phase = (words.text("phase") ?? "queued") as Phase;
  const at = words.ago("since") ?? caseNow;
  const [release, deployment] = words.text("previous")?.split("/") ?? [];
  const canary = words.text("canary")?.split("@");
  const verdict = words.text("verdict") as Verdict | null;
  const code = verdict === "rolled-back" ? "watch.errors" : "gate.not-ready";
  const fault = verdict ? ({ code, detail: "not ready", hint: "" } as const) : null;
  return {
    id: words.at(0),
    key: scriptKey,
    kind: (words.text("kind") ?? "deploy") as Deployment["kind"],
    release: numberOf(words.at(1)),
    services: words.has("services") ? words.list("services") : null,
    previous: release ? { release: numberOf(release), generations: { "*": deployment ?? "" } } : null,
    createdAt: at,
    createdBy: "ada",
    phase,
    history: [{ phase, at }],
    canary: canary ? { step: Number(canary[0]), at: caseNow - (parseDuration(canary[1] ?? "") ?? 0) } : null,
    exchanged: words.list("exchanged"),
    gates: [],
    checks: words.list("found").map(readResult),
    cancelRequested: words.has("cancelled"),
    verdict,
    fault,
    culprit: words.text("culprit"),
    endedAt: null,
  };
}

function readInstance(words: Words): ObservedInstance {
  const [ordinal, attempt] = words.at(3).split(".");
  const identity = {
    kind: "service",
    key: scriptKey,
    service: words.at(0),
    release: numberOf(words.at(1)),
    deployment: words.at(2),
    ordinal: Number(ordinal),
    attempt: Number(attempt ?? 0),
  } as const;
  const port = 20_000 + identity.release * 100 + identity.ordinal * 10 + identity.attempt;
  const [code, ago] = words.text("exit")?.split("@") ?? [];
  const at = caseNow - (parseDuration(ago ?? "") ?? 0);
  return {
    name: instanceName(identity),
    identity,
    startedAt: words.ago("age") ?? caseNow,
    privatePorts: [],
    address: words.has("no-address") ? null : { host: "10.0.0.1", port },
    stopSignalAt: words.ago("stopping"),
    killedAt: words.ago("killed"),
    exit: code === undefined ? null : { at, code: Number(code), signal: null, reason: "exited" },
  };
}

function readTask(words: Words): ObservedTask {
  const deployment = words.at(1);
  const check = words.text("check");
  const name = `fl-${scriptKey.app}-${scriptKey.environment}-${words.at(0)}-${check ?? "release"}-${deployment.replace(/^.*_/, "")}`;
  const about = {
    key: scriptKey,
    purpose: check === null ? "release" : "check",
    artifact: "sha256:none",
    command: ["node", check === null ? "migrate.js" : `${check.replace(/^.*\./, "")}.js`],
    env: {},
    neighbours: [],
    ...unconfined,
  } as const;
  const code = words.text("exit");
  return {
    name,
    spec: { ...about, name, service: words.at(0), release: numberOf(words.at(2)), deployment },
    startedAt: words.ago("age") ?? caseNow - 1_000,
    stopSignalAt: words.ago("stopping"),
    exit: code === null ? null : { at: caseNow, code: Number(code), signal: null, reason: "exited" },
  };
}

function complete(builder: Draft): Snapshot {
  const releases = builder.releases.map(({ number, words }) => releaseOf(builder, number, words));
  const serving = generated(builder, builder.serving);
  const deployments = builder.deployments.map((one) => ({ ...one, previous: generated(builder, one.previous) }));
  const s: Snapshot = {
    ...emptySnapshot(scriptKey, caseNow),
    environment: {
      ...newEnvironment(scriptKey),
      serving,
      scale: builder.scale,
      stopped: builder.stopped,
      maintenance: builder.maintenance ? { message: "Back at nine", page: null } : null,
      preview: builder.preview,
    },
    releases,
    deployments,
    instances: builder.instances.flatMap(({ seen, words }) =>
      words.has("unreadable") || words.has("unexplained") ? [] : [seen],
    ),
    unexplained: builder.instances.flatMap(({ seen, words }) => (words.has("unexplained") ? [seen] : [])),
    ...(builder.isUnknown && { isUnknown: true }),
    misdated: builder.misdated,
    facts: builder.instances.flatMap(factsOf),
    answers: Object.fromEntries(builder.instances.flatMap(answersOf)),
    errorLines: Object.fromEntries(builder.instances.map(({ seen, words }) => [seen.name, words.number("errors")])),
    probes: Object.fromEntries(builder.instances.map(({ seen, words }) => [seen.name, probeOf(words)])),
    memory: Object.fromEntries(builder.instances.map(({ seen, words }) => [seen.name, words.number("memory")])),
    tasks: builder.tasks,
    ...builder.kept,
    unreadable: builder.instances.flatMap(({ seen, words }) => {
      const [name, why] = [seen.name, "it does not answer"];
      return words.has("unreadable") ? [{ name, why, identity: words.text("unreadable") ? null : seen.identity }] : [];
    }),
    inside: { callers: ["10.0.0.0/24"], doors: ["10.0.0.1"] },
    artifacts: Object.fromEntries(builder.releases.map((one) => [digestOf(one.number), artifactOf(one.words)])),
    refusal: builder.refusal,
    edge: { up: builder.edgeUp, table: null, stats: Object.fromEntries(builder.instances.map(statsOf)) },
  };
  return builder.edgeUp ? { ...s, edge: { ...s.edge, table: tableOf(s, builder) } } : s;
}

/** Every service of a release is carried by the same deployment in a case. */
function generated(builder: Draft, serving: Serving | null): Serving | null {
  if (!serving) return null;
  const deployment = serving.generations["*"] ?? "";
  const mine = builder.services.filter(({ only }) => only === null || only === serving.release);
  return { release: serving.release, generations: Object.fromEntries(mine.map(({ spec }) => [spec.name, deployment])) };
}

function digestOf(number: number): string {
  return `sha256:artifact-${number}`;
}

function releaseOf(builder: Draft, number: number, words: Words): Release {
  const artifact = digestOf(number);
  const mine = builder.services.filter(({ only }) => only === null || only === number);
  const weights = words.list("canary").map(Number);
  const watchMs = words.has("watch") ? (parseDuration(words.text("watch") ?? "") ?? 0) : 10_000;
  return {
    key: scriptKey,
    number,
    createdAt: caseNow,
    createdBy: "ada",
    message: null,
    source: `sha256:source-${number}`,
    artifacts: [{ digest: artifact, source: `sha256:source-${number}`, ...plainBuild }],
    services: mine.map(({ spec }) => ({ ...spec, artifact })),
    deploy: {
      watch: { forMs: watchMs, errors: 0.05, p95Ms: words.has("p95") ? words.number("p95") : null },
      canary: weights.length > 0 ? { weights, everyMs: 5_000 } : null,
      keep: 2,
    },
    ...{ secrets: [], allowed: [], branch: null, commit: null, protection: null },
    manifest: "",
  };
}

function artifactOf(words: Words): ArtifactState {
  if (words.has("absent")) return { state: "absent" };
  if (words.has("building")) return { state: "building", since: caseNow, task: words.text("building") };
  return words.has("failed")
    ? { state: "failed", code: "build.failed", detail: "exit 1", task: null }
    : { state: "built" };
}

function factsOf({ seen, words }: { seen: ObservedInstance; words: Words }): readonly InstanceFacts[] {
  const [ago, because] = words.text("retired")?.split("@") ?? [];
  if (!words.has("gated") && ago === undefined) return [];
  const retiredAt = ago === undefined ? null : caseNow - (parseDuration(ago) ?? 0);
  const retiredBecause = ago === undefined ? null : ((because ?? "unwanted") as RetireReason);
  return [{ name: seen.name, gatedAt: words.has("gated") ? seen.startedAt : null, retiredAt, retiredBecause }];
}

/** How long ago its last answers came. */
function agoOf(words: Words): number {
  return parseDuration(words.text("answered") ?? "") ?? 0;
}

function probeOf(words: Words): ProbeState {
  const unready = words.number("unready");
  const readyInRow = words.has("ready") ? words.number("ready") : words.has("gated") && unready === 0 ? 9 : 0;
  const listensOn = words.has("listens") ? [words.number("listens")] : null;
  const lastAnswer = readyInRow > 0 ? "GET /ready → 200" : "GET /ready → 503";
  const lastAgoMs = agoOf(words);
  const stranger = words.has("stranger") ? "process 7 (node) of user 9 answers instead" : null;
  return {
    readyInRow,
    unreadyInRow: unready,
    deadInRow: words.number("dead"),
    lastAnswer,
    listensOn,
    lastAgoMs,
    stranger,
  };
}

function answersOf({ seen, words }: { seen: ObservedInstance; words: Words }): readonly [string, CheckAnswer][] {
  const answer = (name: string, good: boolean): [string, CheckAnswer] => {
    return [`${seen.name} ${name}`, { good, words: `GET /${name} → ${good ? 200 : 500}`, agoMs: agoOf(words) }];
  };
  const good = words.list("answers").map((name) => answer(name, true));
  return [...good, ...words.list("fails").map((name) => answer(name, false))];
}

function statsOf({ seen, words }: { seen: ObservedInstance; words: Words }): [string, UpstreamStats] {
  const [active, requests] = [words.number("active"), words.number("requests")];
  return [seen.name, { active, requests, failures: words.number("failures"), p95Ms: words.number("p95") }];
}

/** What the edge has: a table of the instances that are said to be `routed`, and the services that are said to be held. */
function tableOf(s: Snapshot, builder: Draft): RouteTable | null {
  const routed = builder.instances.filter(({ words }) => words.has("routed")).map(({ seen }) => seen);
  const lead = routed[0]?.identity;
  const base = lead
    ? generated(builder, { release: lead.release, generations: { "*": lead.deployment } })
    : s.environment.serving;
  const nobody = { release: base?.release ?? 0, generations: {} };
  const facts = routed.map(({ name }) => ({ name, gatedAt: 1, retiredAt: null, retiredBecause: null }));
  const healthy = routed.map((one) => ({ ...one, exit: null, stopSignalAt: null }));
  const ready = { readyInRow: 9, unreadyInRow: 0, deadInRow: 0, lastAnswer: null, listensOn: null };
  const probes = Object.fromEntries(routed.map(({ name }) => [name, ready]));
  if (routed.length === 0 && builder.holds.length === 0) return null;
  const exchanged = new Map(builder.holds.map((name) => [name, nobody]));
  // Also the places that `scale` has just taken away are still in the table, and `maintenance` is not in it yet.
  const scale = Object.fromEntries(routed.map(({ identity }) => [identity.service, routed.length]));
  const environment = { ...s.environment, scale, maintenance: null };
  return tableFor({ ...s, environment, instances: healthy, facts, probes }, { base, next: null, share: 0, exchanged });
}
