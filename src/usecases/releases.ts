import { Fault } from "../base/faults.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import { parseReleaseName, type Release, releaseName } from "../model/release.ts";
import { type Call, environmentOf, invalid } from "./access.ts";
import { differences, summaryOf } from "./diff.ts";
import { type Page, pageOf } from "./paging.ts";
import type { PlanPreview } from "./plan.ts";

/** A release with its history. */
export interface KnownRelease {
  readonly release: Release;
  readonly serving: boolean;
  readonly wasLive: boolean;
}

/** Number of live releases that are marked as such, and searched for a rollback target. */
export const liveReleasesSeen = 1_000;

/** Releases of an environment, newest first; `cursor` is the last one seen. Faults: `app.unknown`, `request.invalid`. */
export async function listReleases(
  call: Call,
  key: EnvKey,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<KnownRelease>> {
  const know = await knower(call, key);
  const before = cursor === undefined ? undefined : parseReleaseName(cursor);
  if (before === null) throw invalid("cursor", "must be the nextCursor of a previous page");
  const page = before === undefined ? { limit: limit + 1 } : { before, limit: limit + 1 };
  const found = await call.deps.journal.releases.page(key, page);
  return pageOf(found.map(know), limit, ({ release }) => releaseName(release.number));
}

/** One release by its name. Faults: `app.unknown`, `release.unknown`. */
export async function showRelease(call: Call, key: EnvKey, name: string): Promise<KnownRelease> {
  const know = await knower(call, key);
  const number = parseReleaseName(name);
  const release = number === null ? null : await call.deps.journal.releases.find(key, number);
  if (!release) throw new Fault("release.unknown", `${keyText(key)} has no release ${name}`);
  return know(release);
}

/** What differs in `to`, compared with `from`. */
export async function diffReleases(
  call: Call,
  key: EnvKey,
  { from, to }: { from: string; to: string },
): Promise<PlanPreview> {
  const { release: before } = await showRelease(call, key, from);
  const { release: after } = await showRelease(call, key, to);
  const changes = differences(before, after);
  return { changes, warnings: [], summary: summaryOf(changes, before) };
}

async function knower(call: Call, key: EnvKey): Promise<(release: Release) => KnownRelease> {
  const { serving } = await environmentOf(call, key);
  const live = new Set(await call.deps.journal.releases.live(key, liveReleasesSeen));
  return (release) => ({
    release,
    serving: serving?.release === release.number,
    wasLive: live.has(release.number),
  });
}
