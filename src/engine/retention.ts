import type { Environment, EnvKey } from "../model/environment.ts";
import { collectAfterMs, collectible, historyKept, type Roots } from "../plan/collect.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock, SteadyClock } from "../ports/clock.ts";
import type { Journal } from "../ports/journal.ts";
import type { LogStore } from "../ports/logs.ts";
import type { EngineLog } from "./engine.ts";
import { Reconciler } from "./reconciler.ts";

/** Periodic work and its intervals. Output is also polled, because the runtime's reports may be lost. */
const everyMs = { sweep: 10_000, cap: 60_000, collect: 600_000 } as const;
type Duty = keyof typeof everyMs;

/** Log bytes kept on disk per environment. */
const logBytes = 512 * 1024 * 1024;
/** How long the logs of a preview are kept after its end. */
const previewLogMs = 7 * 86_400_000;
/** How long the steps and events of ended deployments are kept. */
const historyMs = 90 * 86_400_000;
/** How long the audit is kept: a year, and time to review it. */
const auditMs = 400 * 86_400_000;

interface RetentionDeps {
  readonly journal: Journal;
  readonly builder: Builder;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/** What retention needs of the loop. */
export interface RetentionLoop {
  /** Reads the output of all instances. */
  readonly sweep: () => Promise<void>;
  /** Runs work while nothing else touches an environment. */
  readonly exclusively: (key: EnvKey, work: () => Promise<void>) => Promise<void>;
  /** Invalidates the cached state of an environment. */
  readonly forgotten: (key: EnvKey) => void;
}

/**
 * Starts periodic work of the whole controller; the returned function stops it, and resolves when nothing is running.
 * Setting the clock forward makes nothing older.
 */
export function startRetention(
  { clock, ...others }: Omit<RetentionDeps, "clock"> & { readonly clock: SteadyClock },
  loop: RetentionLoop,
): () => Promise<void> {
  const deps = { ...others, clock: ageingClock(clock) };
  const duties: Record<Duty, () => Promise<void>> = {
    sweep: loop.sweep,
    cap: async () => {
      await deps.logs.cap(logBytes);
      await forgetPreviews(deps, loop);
    },
    collect: async () => {
      await collectArtifacts(deps);
      await thinHistory(deps, loop);
      const now = deps.clock.now();
      await deps.journal.prune({ history: now - historyMs, audit: now - auditMs });
    },
  };
  const reconciler = new Reconciler<Duty>({
    clock,
    nameOf: (duty) => duty,
    reconcile: async (duty) => {
      await duties[duty]();
      return { kind: "again", afterMs: everyMs[duty] };
    },
    retryAfterMs: (_tries, duty) => everyMs[duty],
    warn: (_duty, { code, cause, detail }) => deps.log.warn({ code, cause }, detail),
  });
  for (const duty of ["sweep", "cap", "collect"] as const) reconciler.trigger(duty, everyMs[duty]);
  return () => reconciler.close();
}

/** Advances only by real time, because what is deleted by age does not come back. */
function ageingClock(clock: SteadyClock): Clock {
  const offset = clock.now() - clock.steady();
  return {
    now: () => Math.min(clock.now(), offset + clock.steady()),
    after: (ms, then) => clock.after(ms, then),
  };
}

/**
 * Deletes previews that ended long ago. None of that name can be created meanwhile, and one that was created before is
 * found by a second look.
 */
async function forgetPreviews({ journal, logs, clock }: RetentionDeps, loop: RetentionLoop): Promise<void> {
  const before = clock.now() - previewLogMs;
  const isGone = ({ preview }: Environment) => (preview?.endedAt ?? before) < before;
  for (const { key } of (await journal.environments.endedPreviews()).filter(isGone)) {
    await loop.exclusively(key, async () => {
      const now = await journal.environments.find(key);
      if (now === null || !isGone(now)) return;
      await logs.cap(0, [key]);
      await journal.forget(key, before);
      loop.forgotten(key);
    });
  }
}

/** Limits the history of every environment. */
async function thinHistory({ journal }: RetentionDeps, loop: RetentionLoop): Promise<void> {
  for (const { key } of await journal.environments.all()) {
    await loop.exclusively(key, async () => {
      const environment = await journal.environments.find(key);
      if (environment === null) return;
      await journal.thin(key, { ...historyKept, releases: await neededReleases(journal, environment) });
    });
  }
}

/**
 * Deletes the stored objects that no environment needs for serving, for a running or staged deployment, or for a
 * rollback. Before each removal it checks again if anything was recorded since; what was requested from the builder
 * meanwhile is kept.
 */
export async function collectArtifacts(deps: Pick<RetentionDeps, "journal" | "builder" | "clock">): Promise<void> {
  const { journal, builder, clock } = deps;
  const stored = await builder.list();
  let writes = 0;
  const stop = journal.committed(() => {
    writes += 1;
  });
  try {
    let seen = -1;
    let roots: Roots = { artifacts: new Set(), sources: new Set() };
    for (const object of stored) {
      while (seen !== writes) {
        seen = writes;
        roots = await rootsOf(deps);
      }
      const [old] = collectible([object], roots, clock.now());
      if (old) await builder.remove(old);
    }
  } finally {
    stop();
  }
}

async function rootsOf({ journal, clock }: Pick<RetentionDeps, "journal" | "clock">): Promise<Roots> {
  const roots = { artifacts: new Set<string>(), sources: new Set<string>() };
  // Instances of a preview may still be ending.
  const gone = clock.now() - collectAfterMs;
  const ending = (await journal.environments.endedPreviews()).filter(({ preview }) => (preview?.endedAt ?? 0) > gone);
  for (const environment of [...(await journal.environments.all()), ...ending]) {
    for (const number of await neededReleases(journal, environment)) {
      const release = await journal.releases.find(environment.key, number);
      for (const artifact of release?.artifacts ?? []) {
        roots.artifacts.add(artifact.digest);
        roots.sources.add(artifact.source);
      }
    }
  }
  return roots;
}

/** The releases that an environment serves, may roll back to, or is about to have. */
async function neededReleases(journal: Journal, { key, serving, staged }: Environment): Promise<readonly number[]> {
  // A stopped one keeps its last release, and can be started and rolled back as before.
  const last = serving?.release ?? (await journal.releases.live(key, 1))[0];
  const current = last === undefined ? null : await journal.releases.find(key, last);
  const lives = await journal.releases.live(key, current?.deploy.keep ?? 1);
  const unfinished = (await journal.deployments.unfinished(key)).flatMap(({ release, previous }) =>
    previous ? [release, previous.release] : [release],
  );
  const others = [serving?.release, staged].filter((number) => typeof number === "number");
  return [...new Set([...lives, ...unfinished, ...others])];
}
