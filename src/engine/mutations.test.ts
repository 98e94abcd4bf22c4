import { describe, expect, test } from "vitest";
import type { PlanChange } from "../model/change.ts";
import type { Deployment, Phase } from "../model/deployment.ts";
import type { ServiceSpec } from "../model/release.ts";
import { routeTable } from "../model/route.ts";
import { plan as sound } from "../plan/decide.ts";
import type { Plan, Snapshot, Step } from "../plan/plan.ts";
import { instancesOf, isRunning, slotsOf } from "../plan/view.ts";
import type { LogBatch } from "../ports/logs.ts";
import { scriptKey } from "../testing/simulation/script.ts";
import { type Planner, simulate } from "../testing/simulation/world.ts";
import type { EngineDeps } from "./engine.ts";
import { createEngine } from "./loop.ts";

/** Runs within which a planted bug must be caught. */
const patience = 120;

interface Mutant {
  readonly name: string;
  readonly plan?: Planner;
  readonly bend?: (ports: EngineDeps) => EngineDeps;
}

type Of<Kind extends Step["do"]> = Extract<Step, { do: Kind }>;

/** A planner whose steps of one kind become others. */
function steps<Kind extends Step["do"]>(kind: Kind, change: (step: Of<Kind>, s: Snapshot) => readonly Step[]): Planner {
  return (s) => {
    const plan = sound(s);
    return { ...plan, steps: plan.steps.flatMap((step) => (step.do === kind ? change(step as Of<Kind>, s) : [step])) };
  };
}

/** A planner whose records become others. */
function records(change: (change: PlanChange, s: Snapshot) => readonly PlanChange[]): Planner {
  return steps("record", (step, s) => [{ ...step, changes: step.changes.flatMap((one) => change(one, s)) }]);
}

function withSteps(more: (s: Snapshot, plan: Plan) => readonly Step[]): Planner {
  return (s) => {
    const plan = sound(s);
    return { ...plan, steps: [...plan.steps, ...more(s, plan)] };
  };
}

function deploying(s: Snapshot): Deployment | undefined {
  return s.deployments.find(({ phase }) => phase !== "queued");
}

function unchecked(service: ServiceSpec): ServiceSpec {
  const { before } = service.checks;
  return { ...service, checks: { before, after: [] }, http: service.http && { ...service.http, ready: null } };
}

/** The same port with another member. */
function withMember<T extends object, K extends keyof T>(port: T, name: K, other: T[K]): T {
  return new Proxy(port, { get: (target, member) => (member === name ? other : Reflect.get(target, member)) });
}

const mutants: readonly Mutant[] = [
  {
    name: "skips the gate: an instance that runs is said to have passed it",
    plan: (s) => {
      const facts = s.instances.filter(isRunning).map(({ name }) => {
        return (
          s.facts.find((one) => one.name === name) ?? { name, gatedAt: s.now, retiredAt: null, retiredBecause: null }
        );
      });
      return sound({ ...s, facts });
    },
  },
  {
    name: "stops the old instances before the switch",
    plan: withSteps((s) => {
      if (deploying(s)?.phase !== "gate") return [];
      const old = slotsOf(s, s.environment.serving).flatMap((slot) => instancesOf(s, slot).filter(isRunning));
      return old.map(({ name }) => ({ do: "signal", name, signal: "SIGTERM", why: "too early" }));
    }),
  },
  {
    name: "starts a second single instance",
    plan: (s) => {
      const isSingle = (name: string) =>
        s.releases.some(({ services }) => services.some((one) => one.name === name && one.single));
      const visible = s.instances.filter(
        ({ identity }) => identity.deployment === deploying(s)?.id || !isSingle(identity.service),
      );
      return deploying(s)?.phase === "switch" ? sound({ ...s, instances: visible }) : sound(s);
    },
  },
  {
    name: "does not write steps down",
    bend: (ports) => ({
      ...ports,
      journal: new Proxy(ports.journal, {
        get: (journal, member) => {
          if (member === "steps") return { ...journal.steps, begin: async () => 0 };
          return Reflect.get(journal, member);
        },
      }),
    }),
  },
  {
    name: "forgets the decision to serve",
    plan: records((change) => (change.kind === "serving" ? [] : [change])),
  },
  {
    name: "routes to an instance that has not passed its gate",
    plan: steps("route", (step, s) => {
      const fresh = s.instances.filter(
        ({ identity, address, exit }) => identity.deployment === deploying(s)?.id && address && !exit,
      );
      const routes = step.table.routes.map((route) => {
        const mine = fresh.filter(
          ({ identity, name }) => identity.service === route.service && !route.upstreams.some(({ id }) => id === name),
        );
        const more = mine.flatMap(({ name, identity, address }) =>
          address ? [{ id: name, release: identity.release, ...address, weight: 1 }] : [],
        );
        return { ...route, upstreams: [...route.upstreams, ...more] };
      });
      return [{ ...step, table: routeTable(step.table.owner, routes) }];
    }),
  },
  {
    name: "removes the last upstream",
    plan: steps("route", (step, s) => {
      if (!s.environment.serving) return [step];
      return [
        {
          ...step,
          table: routeTable(
            step.table.owner,
            step.table.routes.map((route) => ({ ...route, upstreams: [] })),
          ),
        },
      ];
    }),
  },
  {
    name: "runs the release command twice",
    plan: withSteps((s, plan) =>
      plan.steps.flatMap((step) => {
        const isOnItsWay = step.do === "run-task" && s.tasks.length === 0;
        return isOnItsWay ? [{ ...step, task: { ...step.task, name: `${step.task.name}-again` } }] : [];
      }),
    ),
  },
  {
    name: "takes every end of a check for a good one",
    plan: (s) => {
      const tasks = s.tasks.map((task) => ({ ...task, exit: task.exit && { ...task.exit, code: 0 } }));
      return sound({ ...s, tasks });
    },
  },
  {
    name: "forgets what a check found",
    plan: (s) => sound({ ...s, deployments: s.deployments.map((one) => ({ ...one, checks: [] })) }),
  },
  {
    name: "does not wait for the checks after the switch",
    plan: (s) =>
      sound({ ...s, releases: s.releases.map((one) => ({ ...one, services: one.services.map(unchecked) })) }),
  },
  {
    name: "does not bring the routes back when it takes a release back",
    plan: (s) => {
      const plan = sound(s);
      if (deploying(s)?.phase !== "undo") return plan;
      return { ...plan, steps: plan.steps.filter(({ do: kind }) => kind !== "route" && kind !== "unroute") };
    },
  },
  {
    name: "never ends a deployment that failed",
    plan: records((change) => {
      const isEnd = change.kind === "deployment" && change.deployment.phase === "ended";
      return isEnd && change.deployment.verdict === "failed" ? [] : [change];
    }),
  },
  {
    name: "touches an object that is not its own",
    plan: withSteps((s) =>
      deploying(s)
        ? [{ do: "signal", name: "somebody-elses-database", signal: "SIGTERM", why: "it is in the way" }]
        : [],
    ),
  },
  {
    name: "stops a data instance with its environment",
    plan: withSteps((s) =>
      s.environment.stopped
        ? s.data.map(({ name }) => ({ do: "signal", name, signal: "SIGTERM", why: "nothing serves" }))
        : [],
    ),
  },
  {
    name: "forgets a data instance that ended",
    plan: withSteps((s) =>
      s.data.flatMap(({ name, exit }) => (exit ? [{ do: "remove", name, why: "it has ended" } as const] : [])),
    ),
  },
  {
    name: "ends what is of a kind that it does not know",
    plan: withSteps((s) =>
      s.unknownKinds.map(({ name }) => ({ do: "signal", name, signal: "SIGTERM", why: "it fills no place" })),
    ),
  },
  {
    name: "starts crashed instances again at once",
    plan: (s) =>
      sound({
        ...s,
        instances: s.instances.map((one) => (one.exit ? { ...one, startedAt: one.exit.at - 100_000 } : one)),
      }),
  },
  {
    name: "stops an instance with requests under way",
    plan: (s) => sound({ ...s, edge: { ...s.edge, stats: {} } }),
  },
  {
    name: "lets users into an environment that is closed to them",
    plan: (s) => sound({ ...s, environment: { ...s.environment, maintenance: null } }),
  },
  {
    name: "lets a preview live on",
    plan: (s) => sound({ ...s, environment: { ...s.environment, preview: null } }),
  },
  {
    name: "changes its mind about how a deployment ended",
    plan: records((change) => {
      const isUndone =
        change.kind === "deployment" && change.deployment.phase === "ended" && change.deployment.verdict !== "live";
      return isUndone ? [{ ...change, deployment: { ...change.deployment, verdict: "live", fault: null } }] : [change];
    }),
  },
  {
    name: "lets a phase last for ever",
    plan: (s) => {
      const now = ({ phase }: { phase: Phase }) => ({ phase, at: s.now });
      return sound({ ...s, deployments: s.deployments.map((one) => ({ ...one, history: one.history.map(now) })) });
    },
  },
  {
    name: "takes an answer of a stranger for the instance's own",
    bend: (ports) => ({ ...ports, runtime: withMember(ports.runtime, "strangerAt", async () => null) }),
  },
  {
    name: "takes what cannot be looked at for gone",
    plan: (s) => sound({ ...s, unreadable: [] }),
  },
  {
    name: "ends all that runs when it starts, past the planner",
    bend: (ports) => {
      const clear = async () => {
        const { data } = await ports.runtime.observe(scriptKey);
        for (const { name } of data) await ports.runtime.signal(name, "SIGKILL");
      };
      ports.clock.after(500, () => void clear().catch(() => undefined));
      return ports;
    },
  },
  {
    name: "loses lines while the disk is full",
    bend: (ports) => {
      const append = (batch: LogBatch) => ports.logs.append(batch).catch(() => undefined);
      return { ...ports, logs: withMember(ports.logs, "append", append) };
    },
  },
  {
    name: "measures with a clock that is set",
    bend: (ports) => ({ ...ports, clock: { ...ports.clock, steady: () => ports.clock.now() } }),
  },
  {
    name: "collects every artifact",
    bend: (ports) => {
      // What the loop does every ten minutes is done here whenever the clock is set.
      const collect = async () => {
        for (const object of await ports.builder.list()) await ports.builder.remove(object);
      };
      // What its line does to its calls is nobody's concern here.
      ports.clock.after(9_000, () => void collect().catch(() => undefined));
      return ports;
    },
  },
];

async function catchingRun({ plan = sound, bend }: Mutant): Promise<{ seed: number; breach: string } | null> {
  for (let seed = 1; seed <= patience; seed += 1) {
    const { breach } = await simulate({ seed, plan, boot: createEngine, bend });
    if (breach !== null) return { seed, breach };
  }
  return null;
}

describe("the invariants catch planted bugs", () => {
  test.each(mutants)("a planner that $name", async (mutant) => {
    expect(await catchingRun(mutant)).not.toBeNull();
  });

  test("the sound one is not accused in the same runs", async () => {
    expect(await catchingRun({ name: "sound" })).toBeNull();
  });
});
