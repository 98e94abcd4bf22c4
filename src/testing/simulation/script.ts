import type { EnvKey } from "../../model/environment.ts";
import {
  noChecks,
  plainRules,
  type Release,
  type ServiceChecks,
  type ServiceSpec,
  unconfined,
  usualReleaseMs,
} from "../../model/release.ts";
import { type Behaviour, badLater, neverReady, wellBehaved } from "./behaviour.ts";
import { alivePath, pagePath } from "./prober.ts";
import type { Random } from "./random.ts";

export const scriptKey: EnvKey = { app: "shop", environment: "production" };

/** Ways in which a check fails: a command before or after, one that does not end, a page that is not there. */
const checkFlaws = ["check before", "check after", "check hangs", "check page"] as const;
type CheckFlaw = (typeof checkFlaws)[number];

/** What is wrong with a release, if anything. */
export interface Flaw {
  readonly what:
    | "build"
    | "release command"
    | "release hangs"
    | CheckFlaw
    | keyof typeof neverReady
    | keyof typeof badLater;
  /** The service that has it. */
  readonly service: string;
}

export type ScriptAction =
  | { readonly do: "deploy" | "stage"; readonly services: readonly ServiceSpec[]; readonly flaw: Flaw | null }
  | { readonly do: "configure" | "rollback" | "restart all" | "restart one" | "cancel" | "stop" | "maintain" }
  | { readonly do: "scale"; readonly replicas: number };

export type WorldFault =
  | { readonly what: "crash" | "kill" }
  | { readonly what: (typeof lasting)[number] | "clock jumps"; readonly ms: number };

/** Mishaps that last for a while. */
const lasting = ["edge dies", "edge refuses", "runtime away", "stuck", "unreadable", "logs full"] as const;

/** How much goes wrong in a run. `calm`: only what people do. `crash`: the controller dies once, between two effects. */
export type FaultSchedule = "calm" | "crash" | "rough";

/** All that happens to an environment in one run. */
export interface Script {
  readonly faultSchedule: FaultSchedule;
  readonly actions: readonly { readonly at: number; readonly action: ScriptAction }[];
  readonly worldFaults: readonly { readonly at: number; readonly worldFault: WorldFault }[];
  /** The effect at which the controller dies, counted from 1; null: at none in particular. */
  readonly crashAtEffect: number | null;
  readonly deploy: Release["deploy"];
  /** When everything that goes wrong is over. */
  readonly calmFrom: number;
  /** How long the environment is there; null: it is no preview. */
  readonly ttlMs: number | null;
}

export function writeScript(random: Random): Script {
  const faultSchedule = random.pick<FaultSchedule>(["calm", "crash", "crash", "rough", "rough"]);
  const mix = writeMix(random);
  const actions = writeActions(random, { mix, faultSchedule });
  const isOver = (actions.at(-1)?.at ?? 0) + random.between(3_000, 15_000);
  const worldFaults = faultSchedule === "rough" ? writeWorldFaults(random, isOver) : [];
  const calmFrom = Math.max(
    isOver,
    ...worldFaults.map(({ at, worldFault }) => (isLong(worldFault) ? at + worldFault.ms : 0)),
  );
  return {
    faultSchedule,
    actions,
    worldFaults,
    crashAtEffect: faultSchedule === "crash" ? random.between(1, 120) : null,
    deploy: {
      watch: { forMs: random.pick([0, 1_500, 3_000]), errors: 0.05, p95Ms: null },
      canary: random.chance(0.25) ? { weights: [0.2, 0.6], everyMs: 800 } : null,
      keep: 2,
    },
    calmFrom,
    ttlMs: random.chance(0.1) ? random.between(500, isOver) : null,
  };
}

function isLong(worldFault: WorldFault): worldFault is Extract<WorldFault, { ms: number }> {
  return "ms" in worldFault && worldFault.what !== "clock jumps";
}

const stop = { signal: "SIGTERM", withinMs: 2_000, drainMs: 1_500 } as const;

export function service(name: string, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name,
    command: ["node", `${name}.js`],
    env: {},
    artifact: "sha256:none",
    http: null,
    replicas: 1,
    single: false,
    needs: [],
    release: null,
    releaseWithinMs: usualReleaseMs,
    checks: noChecks,
    stop,
    ...unconfined,
    settleMs: 800,
    ...more,
  };
}

export function httpSpec(name: string, more: Partial<NonNullable<ServiceSpec["http"]>> = {}): ServiceSpec["http"] {
  return {
    port: 8_000,
    hosts: [`${name}.shop.localhost`],
    internal: false,
    ready: { path: "/ready", status: 200, json: [], withinMs: 5_000, everyMs: 2_000, times: 2 },
    alive: null,
    ...plainRules,
    timeoutMs: 30_000,
    limits: { bodyBytes: 1_000_000, rate: null },
    headers: "secure",
    ...more,
  };
}

const alive = { path: alivePath, everyMs: 2_000, timeoutMs: 500, failures: 2 };

const webChecks: ServiceChecks = {
  before: [
    { name: "tests", proof: { command: ["node", "test.js"] }, withinMs: 1_500 },
    { name: "data", proof: { command: ["node", "data.js"] }, withinMs: 1_500 },
  ],
  after: [
    { name: "smoke", proof: { command: ["node", "smoke.js"] }, withinMs: 1_500 },
    { name: "page", proof: { question: { path: pagePath, status: 200, json: [] } }, withinMs: 1_500 },
  ],
};

function writeMix(random: Random): readonly ServiceSpec[] {
  const probes = random.pick<Partial<NonNullable<ServiceSpec["http"]>>>([{}, { alive }, { alive }, { ready: null }]);
  const release = random.chance(0.4) ? ["node", "migrate.js"] : null;
  const checks = random.chance(0.5) ? webChecks : noChecks;
  const brain = random.chance(0.3)
    ? [service("brain", { http: httpSpec("brain", { internal: true, hosts: [] }), single: random.chance(0.6) })]
    : [];
  const web = service("web", {
    http: httpSpec("web", probes),
    replicas: random.between(1, 3),
    needs: brain.map(({ name }) => name),
    release,
    releaseWithinMs: 5_000,
    checks,
  });
  const mix = [web, ...brain];
  if (random.chance(0.3)) mix.push(service("admin", { http: httpSpec("admin", { alive }), single: true }));
  if (random.chance(0.5)) {
    mix.push(service("worker", { replicas: random.between(1, 2), needs: random.chance(0.5) ? ["web"] : [] }));
  }
  const needs = mix.length > 1 && random.chance(0.5) ? [mix.at(-1)?.name ?? "web"] : [];
  if (random.chance(0.4)) mix.push(service("clock", { single: true, needs }));
  return mix;
}

function writeActions(
  random: Random,
  { mix, faultSchedule }: { mix: readonly ServiceSpec[]; faultSchedule: FaultSchedule },
) {
  const actions: { at: number; action: ScriptAction }[] = [
    {
      at: 0,
      action: { do: "deploy", services: mix, flaw: random.chance(0.1) ? writeFlaw(random, mix, faultSchedule) : null },
    },
  ];
  let at = 0;
  for (let left = random.between(1, 4); left > 0; left -= 1) {
    at += random.pick([random.between(1, 800), random.between(800, 4_000), random.between(4_000, 12_000)]);
    actions.push({ at, action: writeAction(random, { mix, faultSchedule }) });
  }
  return actions;
}

function writeAction(
  random: Random,
  { mix, faultSchedule }: { mix: readonly ServiceSpec[]; faultSchedule: FaultSchedule },
): ScriptAction {
  const kind = random.pick([
    ...(["deploy", "deploy", "deploy", "flawed", "flawed", "configure", "rollback", "rollback"] as const),
    ...(["restart all", "restart one", "scale", "cancel", "stop", "maintain", "another mix", "stage"] as const),
  ] as const as readonly [string, ...string[]]);
  switch (kind) {
    case "deploy":
      return { do: "deploy", services: mix, flaw: null };
    case "stage":
      return { do: "stage", services: mix, flaw: random.chance(0.3) ? writeFlaw(random, mix, faultSchedule) : null };
    case "flawed":
      return { do: "deploy", services: mix, flaw: writeFlaw(random, mix, faultSchedule) };
    case "another mix":
      return { do: "deploy", services: writeMix(random), flaw: null };
    case "scale":
      return { do: "scale", replicas: random.between(1, 4) };
    case "configure":
    case "rollback":
    case "restart all":
    case "restart one":
    case "cancel":
    case "stop":
    case "maintain":
      return { do: kind };
    default:
      return { do: "configure" };
  }
}

function writeFlaw(random: Random, mix: readonly ServiceSpec[], faultSchedule: FaultSchedule): Flaw {
  const at = random.pick(mix as readonly [ServiceSpec, ...ServiceSpec[]]);
  const early = ["build", "release command", "release hangs", "exits at once", "cannot be started"] as const;
  const probed = at.http?.ready
    ? (["never ready", "degraded", "wrong port", "too slow", "port taken"] as const)
    : ([] as const);
  const later =
    faultSchedule === "rough" ? (["fails requests", "crashes later", "hangs later", "flaps"] as const) : ([] as const);
  const web = mix.find(({ checks }) => checks.before.length > 0);
  if (web && random.chance(0.4)) return { what: random.pick(checkFlaws), service: web.name };
  const what = random.pick([...early, ...probed, ...later] as readonly [Flaw["what"], ...Flaw["what"][]]);
  if (what !== "release command" && what !== "release hangs") return { what, service: at.name };
  const migrates = mix.find((one) => one.release);
  return migrates ? { what, service: migrates.name } : { what: "build", service: at.name };
}

/** How long an outage lasts that people remember. */
const longMs = 3_600_000;

function writeWorldFaults(random: Random, until: number): Script["worldFaults"] {
  const worldFaults = Array.from({ length: random.between(1, 6) }, () => ({
    at: random.between(0, until - 1),
    worldFault: writeWorldFault(random),
  }));
  if (random.chance(0.06)) {
    const what = random.pick<(typeof lasting)[number]>(["edge dies", "runtime away", "stuck", "stuck", "unreadable"]);
    worldFaults.push({ at: random.between(0, until - 1), worldFault: { what, ms: longMs } });
  }
  return worldFaults.sort((a, b) => a.at - b.at);
}

const dayMs = 86_400_000;

function writeWorldFault(random: Random): WorldFault {
  const what = random.pick<WorldFault["what"]>([
    "crash",
    "crash",
    "kill",
    "kill",
    ...lasting,
    "clock jumps",
    "clock jumps",
  ]);
  if (what === "crash" || what === "kill") return { what };
  if (what === "clock jumps") return { what, ms: random.pick([dayMs, -dayMs, 3_600_000, 3_000, -500, -2_000]) };
  const longest = what === "stuck" ? 60_000 : what === "edge dies" || what === "edge refuses" ? 3_000 : 10_000;
  return { what, ms: random.between(10, longest) };
}

/** Whether a release with this flaw can never be live. */
export function isHopeless(flaw: Flaw | null): boolean {
  return flaw !== null && !(flaw.what in badLater);
}

/** How an instance behaves that is started now. Good ones differ a little, and more so while it is rough. */
export function behaviourNow(random: Random, { flaw, isRough }: { flaw: Flaw | null; isRough: boolean }): Behaviour {
  const good = { ...wellBehaved, readyAfter: random.between(20, 400), stopsAfter: random.between(1, 200) };
  if (random.chance(0.2)) Object.assign(good, { requestMs: random.between(200, 3_000) });
  if (flaw?.what === "check page") return { ...good, lacksPage: true };
  if (flaw && flaw.what in neverReady) return { ...good, ...neverReady[flaw.what as keyof typeof neverReady] };
  if (!isRough) return good;
  if (flaw && flaw.what in badLater) return { ...good, ...badLater[flaw.what as keyof typeof badLater] };
  return { ...good, ...writeWhim(random) };
}

function writeWhim(random: Random): Partial<Behaviour> {
  if (random.chance(0.75)) return {};
  const from = random.between(500, 5_000);
  return random.pick<Partial<Behaviour>>([
    { readyAfter: random.between(1_000, 4_500) },
    { stopsAfter: null },
    { unready: [from, from + random.between(1_000, 9_000)] },
    { exitsAfter: random.between(10, 9_000) },
    { hangsAfter: random.between(500, 9_000) },
    { readyAfter: null },
    { squatted: true },
  ]);
}
