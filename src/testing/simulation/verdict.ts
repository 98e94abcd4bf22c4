import type { Deployment } from "../../model/deployment.ts";
import type { ObservedTask } from "../../model/instance.ts";
import type { RouteTable } from "../../model/route.ts";
import { absentService } from "../../plan/deploy.ts";
import { timesWanted } from "../../plan/gate.ts";
import { bystanders } from "./bystanders.ts";
import type { EnvironmentRecords } from "./journal.ts";
import type { Process } from "./runtime.ts";
import { type Flaw, isHopeless } from "./script.ts";

/** What is left when everything has come to rest. */
export interface Aftermath {
  readonly book: EnvironmentRecords;
  readonly processes: readonly Process[];
  readonly tasks: readonly ObservedTask[];
  readonly table: RouteTable | null;
  readonly flaws: ReadonlyMap<number, Flaw | null>;
  /** Nothing went wrong but what the releases themselves did. */
  readonly isCalm: boolean;
  readonly everStopped: boolean;
  /** How often processes of each name were started; each said one line, its name. */
  readonly started: ReadonlyMap<string, number>;
  /** Of each line that is kept, whose it is. */
  readonly lines: readonly string[];
  /** The data instance is still there. */
  readonly hasData: boolean;
  /** How often it was reported that there is a workload of an unknown kind. */
  readonly told: number;
  readonly hasArtifact: (digest: string) => boolean;
}

/** What is wrong with how a run ended; null when nothing is. */
export function lookBack(aftermath: Aftermath): string | null {
  for (const deployment of aftermath.book.deployments) {
    const words = judgeVerdict(aftermath, deployment);
    if (words !== null) return `9 ${deployment.id} of v${deployment.release} ${words}`;
  }
  return (
    judgePreview(aftermath) ??
    judgeServing(aftermath) ??
    judgeProcesses(aftermath) ??
    judgeTable(aftermath) ??
    judgeRemains(aftermath) ??
    judgeBystanders(aftermath) ??
    judgeLines(aftermath)
  );
}

/** What was said is kept, and kept once. */
function judgeLines({ started, lines, processes }: Aftermath): string | null {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const [name, times] of started) {
    const kept = counts.get(name) ?? 0;
    // Of one that runs it is read some time: nobody reports output here.
    const isOpen = processes.some(({ spec, exit }) => spec.name === name && !exit);
    if (kept > times || kept < times - (isOpen ? 1 : 0))
      return `logs: ${name} said ${times} lines, and ${kept} are kept`;
  }
  return null;
}

/** Every preview of a run has an end before it comes to rest. */
function judgePreview({ book: { environment } }: Aftermath): string | null {
  const { preview, stopped, variables } = environment;
  if (preview === null) return null;
  if (preview.endedAt === null || !stopped) return "10 the preview was not taken down";
  return Object.keys(variables).length > 0 ? "10 the preview is gone, and values of it are left" : null;
}

function judgeVerdict({ book, flaws, isCalm }: Aftermath, deployment: Deployment): string | null {
  const { phase, verdict, release, kind, cancelRequested, fault } = deployment;
  const hopeless = isHopeless(flaws.get(release) ?? null);
  if (phase !== "ended" || verdict === null) return `has not ended but is in phase ${phase}`;
  if (verdict === "live" && hopeless && kind === "deploy") return "is live and cannot be";
  if (verdict === "cancelled" && !cancelRequested) return "is cancelled and nobody asked for it";
  const later = book.deployments.slice(1 + book.deployments.indexOf(deployment));
  if (verdict === "superseded" && !later.some((one) => kind === "stage" || one.kind !== "stage"))
    return "is superseded by nothing";
  if (verdict === "staged" && flaws.get(release)?.what === "build") return "is staged and cannot be built";
  // A service that what serves has no more cannot be restarted; that it was is no answer.
  const restarted = book.releases.find(({ number }) => number === release);
  const isGone = restarted !== undefined && absentService(deployment, restarted) !== undefined;
  if (isGone && (verdict === "live" || (verdict === "failed" && fault?.code !== "service.unknown")))
    return `is ${verdict}, and restarts a service that is not there`;
  const isFair = isCalm && !cancelRequested && !hopeless && !isGone && verdict !== "superseded";
  if (isFair && verdict !== (kind === "stage" ? "staged" : "live"))
    return `is ${verdict} although nothing was wrong: ${deployment.fault?.detail}`;
  return null;
}

function judgeServing({ book, everStopped }: Aftermath): string | null {
  const { serving, stopped } = book.environment;
  if (stopped) return serving === null ? null : `7 the environment is stopped and serves v${serving.release}`;
  const live = book.deployments.filter(({ verdict }) => verdict === "live");
  const last = live.sort((a, b) => (a.id < b.id ? -1 : 1)).at(-1);
  if (serving === null) return last && !everStopped ? `9 v${last.release} was live and nothing serves` : null;
  if (last?.release !== serving.release) return `9 v${serving.release} serves, and v${last?.release} was live last`;
  return null;
}

/** Where an instance must be: `service release deployment ordinal`. */
function placesOf({ environment, releases }: EnvironmentRecords): readonly string[] {
  const { serving, scale, stopped } = environment;
  const release = releases.find(({ number }) => number === serving?.release);
  if (!serving || !release || stopped) return [];
  return release.services.flatMap(({ name, replicas, single }) => {
    const wanted = single ? 1 : (scale[name] ?? replicas);
    return Array.from({ length: wanted }, (_, i) => `${name} ${serving.release} ${serving.generations[name]} ${i}`);
  });
}

function judgeProcesses({ book, processes }: Aftermath): string | null {
  const running = processes
    .filter(({ exit }) => !exit)
    .map(({ spec: { identity } }) => {
      return `${identity.service} ${identity.release} ${identity.deployment} ${identity.ordinal}`;
    });
  const [wanted, found] = [[...placesOf(book)].sort().join("; "), running.sort().join("; ")];
  return wanted === found ? null : `7 at rest there run ${found || "none"}, wanted are ${wanted || "none"}`;
}

function judgeTable({ book, processes, table }: Aftermath): string | null {
  const release = book.releases.find(({ number }) => number === book.environment.serving?.release);
  const proven = processes.filter(({ exit, spec, bestRow }) => {
    const service = release?.services.find(({ name }) => name === spec.identity.service);
    return !exit && service?.http && bestRow >= timesWanted(service);
  });
  const wanted = proven
    .map(({ spec }) => spec.name)
    .sort()
    .join(", ");
  const routed = (table?.routes ?? []).flatMap(({ upstreams }) => upstreams.map(({ id }) => id));
  if (routed.sort().join(", ") !== wanted) return `7 at rest routes go to ${routed.join(", ")}, wanted is ${wanted}`;
  const held = table?.routes.find(({ holdMs }) => holdMs !== null);
  if (held) return `2 at rest ${held.service} is held`;
  const wish = book.environment.maintenance;
  // Neighbours go in and out also while it is closed to users.
  const doors = (table?.routes ?? []).filter(({ inside }) => inside === null);
  const other = doors.find(({ maintenance }) => (maintenance === null) !== (wish === null));
  return other ? `7 at rest ${other.service} is ${wish ? "open" : "closed"}, which nobody wants` : null;
}

function judgeBystanders({ hasData, told, book }: Aftermath): string | null {
  if (!hasData) return "5 the data instance is gone";
  const isOnce = told === 1 || (told === 0 && book.deployments.length === 0);
  return isOnce ? null : `5 the workload of an unknown kind was reported ${told} times`;
}

function judgeRemains({ book, processes, tasks, hasArtifact }: Aftermath): string | null {
  const ended = processes.find(({ exit }) => exit);
  if (ended) return `7 ${ended.spec.name} has ended and is not forgotten`;
  if (tasks[0]) return `7 ${tasks[0].name} is not forgotten`;
  const names = new Set<string>([...processes.map(({ spec }) => spec.name), bystanders.unknown]);
  const stray = book.facts.find(({ name }) => !names.has(name));
  if (stray) return `7 facts of ${stray.name} are left`;
  const serving = book.releases.find(({ number }) => number === book.environment.serving?.release);
  const gone = serving?.artifacts.find(({ digest }) => !hasArtifact(digest));
  return gone ? `8 ${gone.digest} is gone and serves` : null;
}
