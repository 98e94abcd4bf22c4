import { withReadableHost } from "../../base/host-name.ts";
import { formatSize } from "../../base/size.ts";
import type { EnvironmentList, InstanceView, StatusView, UrlView } from "../../contract/environments.ts";
import type { EnvKey } from "../../model/environment.ts";
import { writtenWords } from "../../model/written.ts";
import { shortName } from "../names.ts";
import { harmlessLine, type Paint, table } from "../paint.ts";
import { codeText } from "./code.ts";

function stateColour(state: string, paint: Paint): string {
  if (["ready", "serving", "live", "staged"].includes(state)) return paint.green(state);
  if (["crashed", "backing-off", "failed", "degraded", "not-ready", "rolled-back"].includes(state))
    return paint.red(state);
  return paint.yellow(state);
}

/** Faults that an instance's last lines explain better. */
const ailingStates: ReadonlySet<InstanceView["state"]> = new Set(["crashed", "backing-off", "not-ready"]);

/** `fairlead status` outside a project. */
export function environmentsText({ items }: EnvironmentList, paint: Paint): string {
  if (items.length === 0) return "Nothing is deployed yet.";
  const rows = items.map(({ app, environment, release, state, urls }) => [
    app,
    environment,
    release ?? "-",
    stateColour(state, paint),
    urls.flatMap(({ url, internal }) => (internal ? [] : [url])).join(" "),
  ]);
  return table(["APP", "ENVIRONMENT", "RELEASE", "STATE", "URLS"], rows, paint);
}

/** A URL for display; an internal one is marked. */
export function urlText({ url, internal }: UrlView, paint: Paint): string {
  return internal ? `${url} ${paint.dim("(internal)")}` : paint.cyan(withReadableHost(url));
}

function timeText(at: string): string {
  return `${at.slice(0, 19).replace("T", " ")} UTC`;
}

function edgeLine({ answers, since, detail }: StatusView["edge"], paint: Paint): string {
  const when = since === null ? "" : ` since ${timeText(since)}`;
  const next = answers ? "" : ": the controller restarts it if it is down or hung; see `fairlead doctor`";
  return `${paint.red("edge")} ${harmlessLine(detail ?? "", paint)}${when}${next}`;
}

function logsLine(since: string, why: string, paint: Paint): string {
  return `${paint.red("logs")} are behind since ${timeText(since)} (${harmlessLine(why, paint)}): no line is lost; see \`fairlead doctor\``;
}

function stagedLine(staged: NonNullable<StatusView["staged"]>, paint: Paint): string {
  const { release, stagedAt, stagedBy, message } = staged;
  const about = `${timeText(stagedAt)} by ${stagedBy} ${message ?? ""}`.trim();
  return `${paint.yellow("staged")} code of ${release} is built and waits for \`fairlead deploy --staged\`: ${harmlessLine(about, paint)}`;
}

/** What instances wrote beside their code. */
function filesLines(services: StatusView["services"], paint: Paint): readonly string[] {
  return services.flatMap(({ name, instances }) => {
    // Nothing from a controller that was started before an upgrade: its instances have no such member.
    const words = writtenWords([...new Set(instances.flatMap(({ written }) => written ?? []))]);
    const line = `${paint.yellow("files")} ${name} ${words}; keep data in a database or an object store`;
    return words === null ? [] : ["", line];
  });
}

/** What to do about what is wrong; none if nothing is, or if a deployment is trying to. */
function nextLines({ app, environment, services, deployment }: StatusView, paint: Paint): readonly string[] {
  const where = `-e ${environment} -a ${app}`;
  const ailing = services.filter(({ instances }) => instances.some((one) => ailingStates.has(one.state)));
  const names = ailing.map(({ name }) => name).join(" ");
  if (names !== "") return ["", paint.dim(`-> next: fairlead logs ${names} -n 20 ${where}`)];
  if (deployment?.status !== "failed" && deployment?.status !== "rolled-back") return [];
  const why = `fairlead logs --release ${deployment.release} ${where}`;
  return ["", paint.dim(`-> next: ${why}; then fix it and \`fairlead deploy\``)];
}

/** `fairlead status`. */
export function statusText(status: StatusView, paint: Paint): string {
  const { app, environment, release, state, deployment, queue, services, urls } = status;
  const code = harmlessLine(codeText(status.code), paint);
  const head = [paint.bold(`${app}/${environment}`), release ?? "no release", stateColour(state, paint), code];
  const lines = [head.filter((word) => word !== "").join("  ")];
  const { edge, maintenance, stateLoss } = status;
  if (edge.detail !== null) lines.push(edgeLine(edge, paint));
  if (status.logs.behindSince !== null) lines.push(logsLine(status.logs.behindSince, status.logs.detail ?? "", paint));
  // Nothing from a controller that was started before an upgrade: its status has no such member.
  if (stateLoss) lines.push(`${paint.red("state")} ${harmlessLine(stateLoss, paint)}; \`fairlead doctor\` says more`);
  if (maintenance.on || maintenance.closed) {
    const state = maintenance.on && maintenance.closed ? "closed" : maintenance.on ? "about to close" : "about to open";
    const words = maintenance.page ? "with its own page" : harmlessLine(maintenance.message ?? "", paint);
    lines.push(`${paint.yellow("maintenance")} ${state}${maintenance.on ? `: ${words}` : ""}`);
  }
  if (status.protected !== null) {
    const { confirm, branches, who } = status.protected;
    const words = [
      ...(confirm ? ["asks for its name"] : []),
      ...(branches ? [`takes only ${branches.join(", ")}`] : []),
      ...(who ? [`changed only by ${who.join(", ")}`] : []),
    ];
    lines.push(`protected: ${words.join(", ")}`);
  }
  if (status.preview !== null) {
    const { from, endsAt } = status.preview;
    const until = `until ${endsAt.slice(0, 16).replace("T", " ")} UTC`;
    lines.push(from === null ? paint.yellow("being destroyed") : `preview of ${from} ${until}`);
  }
  if (deployment !== null) {
    const fault = deployment.fault === null ? "" : `: ${harmlessLine(deployment.fault.detail, paint)}`;
    const at = deployment.endedAt === null ? ` in ${deployment.phase}` : ` ${timeText(deployment.endedAt)}`;
    const word = stateColour(deployment.status, paint);
    lines.push(`${deployment.kind} ${deployment.release} ${word}${at}${fault}  ${paint.dim(deployment.id)}`);
  }
  if (status.staged !== null) lines.push(stagedLine(status.staged, paint));
  if (queue.length > 0) lines.push(`queued: ${queue.map(({ id }) => id).join(", ")}`);
  const rows = services.map(({ name, desired, single, instances }) => [
    name,
    `${instances.filter(({ ready }) => ready).length}/${desired}${single ? " single" : ""}`,
    [...new Set(instances.map((instance) => instance.release))].join(" ") || "-",
    [...new Set(instances.map((instance) => instance.state))].map((word) => stateColour(word, paint)).join(" ") || "-",
    urls
      .filter(({ service }) => service === name)
      .map((one) => urlText(one, paint))
      .join(" "),
  ]);
  if (rows.length > 0) lines.push("", table(["SERVICE", "READY", "RELEASE", "STATE", "URL"], rows, paint));
  lines.push(...filesLines(services, paint));
  lines.push(...nextLines(status, paint));
  return lines.join("\n");
}

export interface InstanceRow extends InstanceView {
  readonly service: string;
}

/** `fairlead ps`. */
export function instancesText(instances: readonly InstanceRow[], key: EnvKey, paint: Paint): string {
  if (instances.length === 0) return "No instances are running.";
  const rows = instances.map((instance) => [
    instance.service,
    shortName(instance.id, key),
    instance.release,
    stateColour(instance.state, paint),
    String(instance.restarts),
    instance.memoryBytes === null ? "-" : formatSize(instance.memoryBytes),
    instance.startedAt.slice(0, 19).replace("T", " "),
    instance.url ?? "-",
    harmlessLine(instance.gate ?? "", paint),
  ]);
  const head = ["SERVICE", "INSTANCE", "RELEASE", "STATE", "RESTARTS", "MEMORY", "SINCE (UTC)", "ADDRESS", "GATE"];
  return table(head, rows, paint);
}
