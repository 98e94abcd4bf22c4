import type { Deployment } from "../model/deployment.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import type { ArtifactState } from "../model/release.ts";
import type { Snapshot } from "../plan/plan.ts";
import type { SteadyClock } from "../ports/clock.ts";

/** If the difference of `now` and `steady` changes by more than this, the clock was set, or the machine slept. */
const jumpMs = 250;

interface Known {
  /** As it was read. */
  readonly raw: number;
  /** By how much the clock was set since it was written. */
  readonly shift: number;
}

interface Frame {
  /** `now` − `steady` since the last jump. */
  readonly offset: number;
  readonly known: ReadonlyMap<string, Known>;
  /** By how much the clock was set since everything was last seen: what is seen next for the first time may be older. */
  readonly unseen: number;
}

/** A past time, under a name that is unique in its environment. */
type Past = <T extends number | null>(id: string, raw: T) => T;

/**
 * Converts past times to the current setting of the clock: `now` minus one of them is the real elapsed time, whatever
 * happened to the clock and however long the machine slept. Times from before this controller are used unchanged, but
 * never later than now, so that no wait is longer than intended.
 */
export class Times {
  readonly #clock: SteadyClock;
  /** `now` − `steady` at the controller's start: the clock may be set before its first observation. */
  readonly #began: number;
  readonly #frames = new Map<string, Frame>();

  constructor(clock: SteadyClock) {
    this.#clock = clock;
    this.#began = clock.now() - clock.steady();
  }

  /** The same snapshot, with times as of now. `isWhole`: anything missing no longer exists. */
  corrected(s: Snapshot, isWhole = true): Snapshot {
    const now = this.#clock.now();
    const found = now - this.#clock.steady();
    const { offset, known, unseen } = this.#frames.get(keyText(s.key)) ?? {
      offset: this.#began,
      known: new Map<string, Known>(),
      unseen: 0,
    };
    const jump = Math.abs(found - offset) > jumpMs ? found - offset : 0;
    const missed = unseen + jump;
    const seen = new Map<string, Known>();
    const past: Past = (id, raw) => {
      if (raw === null) return raw;
      const one = nowKnown(known.get(id), { raw, now, jump, missed });
      seen.set(id, one);
      return (raw + one.shift) as typeof raw;
    };
    const corrected = { ...s, now, ...pastOf(s, past) };
    const misdated = misdatedOf(s, corrected);
    // What cannot be inspected is there, and is seen again.
    const isAll = isWhole && s.unreadable.length === 0;
    if (!isAll) {
      for (const [id, { raw, shift }] of known) if (!seen.has(id)) seen.set(id, { raw, shift: shift + jump });
    }
    this.#frames.set(keyText(s.key), { offset: offset + jump, known: seen, unseen: isAll ? 0 : missed });
    return { ...corrected, misdated };
  }

  /** Deletes the state of an environment that is no longer observed. */
  forget(key: EnvKey): void {
    this.#frames.delete(keyText(key));
  }
}

interface Look {
  readonly raw: number;
  readonly now: number;
  /** By how much the clock was set since the last look. */
  readonly jump: number;
  /** The same since the last look at everything. */
  readonly missed: number;
}

function nowKnown(before: Known | undefined, look: Look): Known {
  return { raw: look.raw, shift: Math.min(shiftOf(before, look), look.now - look.raw) };
}

function shiftOf(before: Known | undefined, { raw, now, jump, missed }: Look): number {
  if (before?.raw === raw) return before.shift + jump;
  // Recorded again, as returned.
  if (before && before.raw + before.shift === raw) return jump;
  // Not seen before. If the clock was set forward meanwhile, times older than that are from before it.
  return missed > 0 && raw <= now - missed ? missed : 0;
}

/** Records whose times in the journal, if a wait depends on them, differ from what they would be now. */
function misdatedOf(written: Snapshot, corrected: Snapshot): readonly string[] {
  const differ = (raw: number | null | undefined, now: number | null | undefined) =>
    Math.abs((raw ?? 0) - (now ?? 0)) > jumpMs;
  const deployments = written.deployments.filter(({ history, canary }, place) => {
    const other = corrected.deployments[place];
    return differ(canary?.at, other?.canary?.at) || history.some(({ at }, i) => differ(at, other?.history[i]?.at));
  });
  const facts = written.facts.filter(({ retiredAt }, place) => differ(retiredAt, corrected.facts[place]?.retiredAt));
  return [...deployments.map(({ id }) => id), ...facts.map(({ name }) => name)];
}

function pastOf(
  s: Snapshot,
  past: Past,
): Pick<Snapshot, "deployments" | "facts" | "instances" | "tasks" | "artifacts"> {
  return {
    deployments: s.deployments.map((one) => deploymentOf(one, past)),
    facts: s.facts.map((one) => ({
      ...one,
      gatedAt: past(`${one.name} gated`, one.gatedAt),
      retiredAt: past(`${one.name} retired`, one.retiredAt),
    })),
    instances: s.instances.map((one) => ({
      ...one,
      startedAt: past(`${one.name} started`, one.startedAt),
      stopSignalAt: past(`${one.name} stopped`, one.stopSignalAt),
      killedAt: past(`${one.name} killed`, one.killedAt),
      exit: one.exit && { ...one.exit, at: past(`${one.name} ended`, one.exit.at) },
    })),
    tasks: s.tasks.map((one) => ({
      ...one,
      startedAt: past(`${one.name} started`, one.startedAt),
      stopSignalAt: past(`${one.name} stopped`, one.stopSignalAt ?? null),
      exit: one.exit && { ...one.exit, at: past(`${one.name} ended`, one.exit.at) },
    })),
    artifacts: Object.fromEntries(
      Object.entries(s.artifacts).map(([digest, state]) => [digest, artifactOf(digest, state, past)]),
    ),
  };
}

function deploymentOf(deployment: Deployment, past: Past): Deployment {
  const { id, history, canary } = deployment;
  return {
    ...deployment,
    history: history.map((entry, place) => ({ ...entry, at: past(`${id} ${place}`, entry.at) })),
    canary: canary && { ...canary, at: past(`${id} canary ${canary.step}`, canary.at) },
  };
}

function artifactOf(digest: string, state: ArtifactState, past: Past): ArtifactState {
  return state.state === "building" ? { ...state, since: past(`${digest} since`, state.since) } : state;
}
