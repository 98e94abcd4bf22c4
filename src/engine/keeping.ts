import { asFault } from "../base/faults.ts";
import type { EnvKey } from "../model/environment.ts";
import { collectAfterMs, collectible } from "../plan/collect.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock } from "../ports/clock.ts";
import type { Journal } from "../ports/journal.ts";
import type { LogStore } from "../ports/logs.ts";
import type { EngineLog } from "./engine.ts";

/** Output is looked for this often beside the runtime's own reports, which a system under pressure may lose. */
const sweepMs = 10_000;
const capMs = 60_000;
const collectMs = 600_000;
/** Log bytes kept on disk per environment. */
const logBytes = 512 * 1024 * 1024;
/** How long the lines of a preview can be read after its end. */
const previewLogMs = 7 * 86_400_000;
/** How long the steps and events of ended deployments are kept. */
const historyMs = 90 * 86_400_000;
/** How long it is known who did what: a year, and time to look back at it. */
const auditMs = 400 * 86_400_000;

interface KeepingDeps {
  readonly journal: Journal;
  readonly builder: Builder;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/** Starts what must happen again and again for the whole controller; the answer stops it. */
export function startKeeping(deps: KeepingDeps, sweep: () => Promise<void>): () => void {
  const stops = [
    repeat(deps, sweepMs, sweep),
    repeat(deps, capMs, async () => {
      await deps.logs.cap(logBytes);
      await deps.logs.cap(0, await longGone(deps));
    }),
    repeat(deps, collectMs, async () => {
      await collectArtifacts(deps);
      const now = deps.clock.now();
      await deps.journal.prune({ history: now - historyMs, audit: now - auditMs });
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Previews that ended so long ago that nobody looks for their lines any more. */
async function longGone({ journal, clock }: KeepingDeps): Promise<readonly EnvKey[]> {
  const before = clock.now() - previewLogMs;
  const environments = await journal.environments();
  return environments.filter(({ preview }) => (preview?.endedAt ?? before) < before).map(({ key }) => key);
}

function repeat({ clock, log }: KeepingDeps, everyMs: number, work: () => Promise<void>): () => void {
  let cancel = () => {};
  let stopped = false;
  const later = () => {
    if (stopped) return;
    cancel = clock.after(everyMs, () => {
      void work()
        .catch((thrown) => log.warn({ cause: thrown }, asFault(thrown).detail))
        .then(later);
    });
  };
  later();
  return () => {
    stopped = true;
    cancel();
  };
}

/** Deletes the stored objects that no environment needs for serving, for a deployment under way or staged, or for a rollback. */
export async function collectArtifacts(deps: Pick<KeepingDeps, "journal" | "builder" | "clock">): Promise<void> {
  const { journal, builder, clock } = deps;
  const stored = await builder.list();
  const roots = { artifacts: new Set<string>(), sources: new Set<string>() };
  // What ran of a preview may still be finishing.
  const gone = clock.now() - collectAfterMs;
  const needed = (await journal.environments()).filter(({ preview }) => (preview?.endedAt ?? clock.now()) > gone);
  for (const { key, serving, staged } of needed) {
    // One that was stopped has what it served last, and can be brought back and go back as before.
    const last = serving?.release ?? (await journal.liveReleases(key, 1))[0];
    const current = last === undefined ? null : await journal.release(key, last);
    const lives = await journal.liveReleases(key, current?.deploy.keep ?? 1);
    const unfinished = await journal.unfinished(key);
    const others = [serving?.release, staged].filter((number) => typeof number === "number");
    const numbers = [...lives, ...unfinished.map((one) => one.release), ...others];
    for (const number of new Set(numbers)) {
      const release = await journal.release(key, number);
      for (const artifact of release?.artifacts ?? []) {
        roots.artifacts.add(artifact.digest);
        roots.sources.add(artifact.source);
      }
    }
  }
  for (const object of collectible(stored, roots, clock.now())) await builder.remove(object);
}
