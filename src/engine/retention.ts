import type { Environment, EnvKey } from "../model/environment.ts";
import { collectAfterMs, collectible, historyKept, type Roots } from "../plan/collect.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock, SteadyClock } from "../ports/clock.ts";
import type { Journal } from "../ports/journal.ts";
import type { LogStore } from "../ports/logs.ts";
import type { EngineLog } from "./engine.ts";
import { Reconciler } from "./reconciler.ts";

/**
 * What is done again and again, and how often. Output is looked for beside the runtime's own reports, which a system under
 * pressure may lose.
 */
const everyMs = { sweep: 10_000, cap: 60_000, collect: 600_000 } as const;
type Duty = keyof typeof everyMs;

/** Log bytes kept on disk per environment. */
const logBytes = 512 * 1024 * 1024;
/** How long the lines of a preview can be read after its end. */
const previewLogMs = 7 * 86_400_000;
/** How long the steps and events of ended deployments are kept. */
const historyMs = 90 * 86_400_000;
/** How long it is known who did what: a year, and time to look back at it. */
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
  /** Takes the output of all instances. */
  readonly sweep: () => Promise<void>;
  /** Runs work while nothing else touches an environment. */
  readonly exclusively: (key: EnvKey, work: () => Promise<void>) => Promise<void>;
  /** Nothing that is remembered of an environment is true any more. */
  readonly forgotten: (key: EnvKey) => void;
}

/**
 * Starts what must happen again and again for the whole controller; the answer stops it, and resolves when nothing is under
 * way. A clock that is set forward meanwhile makes nothing older.
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

/** Shows no more time than has really passed since now: what is deleted for its age does not come back. */
function ageingClock(clock: SteadyClock): Clock {
  const offset = clock.now() - clock.steady();
  return {
    now: () => Math.min(clock.now(), offset + clock.steady()),
    after: (ms, then) => clock.after(ms, then),
  };
}

/**
 * Forgets previews that ended so long ago that nobody looks for their lines any more. Nobody makes one of that name meanwhile,
 * and whoever did so before is found by looking again.
 */
async function forgetPreviews({ journal, logs, clock }: RetentionDeps, loop: RetentionLoop): Promise<void> {
  const before = clock.now() - previewLogMs;
  const isGone = ({ preview }: Environment) => (preview?.endedAt ?? before) < before;
  for (const { key } of (await journal.endedPreviews()).filter(isGone)) {
    await loop.exclusively(key, async () => {
      const now = await journal.environment(key);
      if (now === null || !isGone(now)) return;
      await logs.cap(0, [key]);
      await journal.forget(key, before);
      loop.forgotten(key);
    });
  }
}

/** Keeps the history of every environment within bounds. */
async function thinHistory({ journal }: RetentionDeps, loop: RetentionLoop): Promise<void> {
  for (const { key } of await journal.environments()) {
    await loop.exclusively(key, async () => {
      const environment = await journal.environment(key);
      if (environment === null) return;
      await journal.thin(key, { ...historyKept, releases: await neededReleases(journal, environment) });
    });
  }
}

/**
 * Deletes the stored objects that no environment needs for serving, for a deployment under way or staged, or for a rollback.
 * Before each removal it looks again when anything was written down since; what somebody asked the builder for meanwhile stays.
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
  // What ran of a preview may still be finishing.
  const gone = clock.now() - collectAfterMs;
  const ending = (await journal.endedPreviews()).filter(({ preview }) => (preview?.endedAt ?? 0) > gone);
  for (const environment of [...(await journal.environments()), ...ending]) {
    for (const number of await neededReleases(journal, environment)) {
      const release = await journal.release(environment.key, number);
      for (const artifact of release?.artifacts ?? []) {
        roots.artifacts.add(artifact.digest);
        roots.sources.add(artifact.source);
      }
    }
  }
  return roots;
}

/** The releases that an environment serves, may go back to, or is about to have. */
async function neededReleases(journal: Journal, { key, serving, staged }: Environment): Promise<readonly number[]> {
  // One that was stopped has what it served last, and can be brought back and go back as before.
  const last = serving?.release ?? (await journal.liveReleases(key, 1))[0];
  const current = last === undefined ? null : await journal.release(key, last);
  const lives = await journal.liveReleases(key, current?.deploy.keep ?? 1);
  const unfinished = (await journal.unfinished(key)).flatMap(({ release, previous }) =>
    previous ? [release, previous.release] : [release],
  );
  const others = [serving?.release, staged].filter((number) => typeof number === "number");
  return [...new Set([...lives, ...unfinished, ...others])];
}
