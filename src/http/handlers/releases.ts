import type { ReleaseView, releaseRoutes } from "../../contract/releases.ts";
import { releaseName } from "../../model/release.ts";
import { diffReleases, type KnownRelease, listReleases, showRelease } from "../../usecases/releases.ts";
import { timeText } from "../encode.ts";
import { envKeyOf, type HandlersOf } from "../exchange.ts";

export const releaseHandlers: HandlersOf<typeof releaseRoutes> = {
  releases: async ({ call, params, query }) => {
    const { items, next } = await listReleases(call, envKeyOf(params), query);
    return { json: { items: items.map(encodeRelease), nextCursor: next } };
  },
  release: async ({ call, params }) => {
    const known = await showRelease(call, envKeyOf(params), params.release);
    return { json: { release: encodeRelease(known), manifest: known.release.manifest } };
  },
  releaseDiff: async ({ call, params }) => ({ json: await diffReleases(call, envKeyOf(params), params) }),
};

function encodeRelease({ release, serving, wasLive }: KnownRelease): ReleaseView {
  const { number, createdAt, createdBy, message, source, services, allowed, branch, commit } = release;
  return {
    release: releaseName(number),
    createdAt: timeText(createdAt),
    createdBy,
    message,
    source,
    branch,
    commit,
    serving,
    wasLive,
    allowed,
    services: services.map(({ name, artifact, command, replicas, http, env }) => ({
      name,
      artifact,
      command: command ?? [],
      replicas,
      hosts: http?.hosts ?? [],
      variables: Object.keys(env).sort(),
    })),
  };
}
