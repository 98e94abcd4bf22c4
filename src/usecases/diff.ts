import { canonicalJson } from "../base/digest.ts";
import { formatDuration } from "../base/duration.ts";
import {
  commitWords,
  type EnvValue,
  isOwnVariable,
  type Release,
  releaseName,
  type ServiceSpec,
  secretsOf,
  usualReleaseMs,
} from "../model/release.ts";

export interface Difference {
  readonly action: "create" | "change" | "replace" | "destroy" | "keep";
  readonly subject: string;
  readonly detail: string;
}

/**
 * The differences in `after`: code, services, deployment policy, schema, and protection; `before` null: everything is
 * new. Values of variables are never shown.
 */
export function differences(before: Release | null, after: Release): readonly Difference[] {
  const names = new Set([...(before?.services ?? []), ...after.services].map(({ name }) => name));
  const services = [...names].map((name) =>
    serviceDifference(name, {
      old: before?.services.find((service) => service.name === name),
      next: after.services.find((service) => service.name === name),
    }),
  );
  if (!before) return services;
  const change = (subject: string, detail: string): readonly Difference[] =>
    detail === "" ? [] : [{ action: "change", subject, detail }];
  return [
    ...change("code", codeWords(before, after).join("; ")),
    ...services,
    ...change("registries", changed(registriesOf(before), registriesOf(after)).join(", ")),
    ...change("deploy", changed(before.deploy, after.deploy).join(", ")),
    ...change("schema", schemaWords(before, after).join("; ")),
    ...change("protection", protectionChange(before, after)),
  ];
}

function registriesOf({ artifacts }: Release): object {
  return Object.assign({}, ...artifacts.map(({ registries }) => registries));
}

/** The environment's protection, which deployed code may remove. */
function protectionChange(before: Release, after: Release): string {
  const [from, to] = [before, after].map(({ protection }) => {
    const { confirm, branches, who } = protection ?? { confirm: false, branches: null, who: null };
    const lists = Object.entries({ who, branches }).flatMap(([name, all]) => (all ? [`${name} ${all.join(" ")}`] : []));
    return [...(confirm ? ["confirmation"] : []), ...lists].join(", ") || "none";
  });
  return from === to ? "" : `${from} → ${to}`;
}

function codeWords(before: Release, after: Release): readonly string[] {
  if (before.source === after.source) return [];
  const [from, to] = [before.branch, after.branch];
  const branches = from && to && from !== to ? [`branch ${from} → ${to}`] : [];
  const [old, next] = [before.commit, after.commit].map(commitWords);
  const commits = old && next && old !== next ? [`commit ${old} → ${next}`] : [];
  return [`source ${short(before.source)} → ${short(after.source)}`, ...branches, ...commits];
}

/**
 * What may change a database schema: release commands that differ, or have other code. A rollback runs none, so it does
 * not change the schema.
 */
function schemaWords(before: Release, after: Release): readonly string[] {
  const names = new Set([...before.services, ...after.services].map(({ name }) => name));
  return [...names].flatMap((name) => {
    const [old, next] = [before, after].map(({ services }) => services.find((service) => service.name === name));
    const [from, to] = [old, next].map((service) => (service?.release ? commandWords(service, service.release) : null));
    if (from !== to) return [`release command of ${name} ${from ?? "(none)"} → ${to ?? "(none)"}`];
    const isOther = old?.artifact !== next?.artifact;
    return isOther && to ? [`release command of ${name} has other code: ${to}`] : [];
  });
}

function commandWords(service: ServiceSpec, command: readonly string[]): string {
  const limit =
    service.releaseWithinMs === usualReleaseMs ? "" : ` (within ${formatDuration(service.releaseWithinMs)})`;
  return `${command.join(" ")}${limit}`;
}

function serviceDifference(
  name: string,
  { old, next }: { old: ServiceSpec | undefined; next: ServiceSpec | undefined },
): Difference {
  const subject = `service ${name}`;
  if (!next) return { action: "destroy", subject, detail: "its instances stop; data stays" };
  if (!old)
    return {
      action: "create",
      subject,
      detail: `${next.replicas} × ${next.command?.join(" ") ?? "the image's command"}`,
    };
  const words = wordsOf(old, next);
  if (words.length === 0) return { action: "keep", subject, detail: "nothing changes" };
  const onlyReplicas = words.length === 1 && old.replicas !== next.replicas;
  return { action: onlyReplicas ? "change" : "replace", subject, detail: words.join("; ") };
}

function wordsOf(old: ServiceSpec, next: ServiceSpec): readonly string[] {
  const words: string[] = [];
  if (old.artifact !== next.artifact) words.push(`artifact ${short(old.artifact)} → ${short(next.artifact)}`);
  if (old.replicas !== next.replicas) words.push(`replicas ${old.replicas} → ${next.replicas}`);
  const { env: oldEnv, artifact: _a, replicas: _r, release: _c, releaseWithinMs: _e, http: oldHttp, ...oldRest } = old;
  const {
    env: nextEnv,
    artifact: _b,
    replicas: _s,
    release: _d,
    releaseWithinMs: _f,
    http: nextHttp,
    ...nextRest
  } = next;
  const variables = changed(oldEnv, nextEnv)
    .filter((name) => !isOwnVariable(name))
    .map((name) => versionsOf(name, oldEnv[name], nextEnv[name]));
  if (variables.length > 0) words.push(`variables ${variables.join(", ")}`);
  const [oldHosts, nextHosts] = [oldHttp, nextHttp].map((http) => http?.hosts.join(" ") || "(none)");
  if (oldHosts !== nextHosts) words.push(`hosts ${oldHosts} → ${nextHosts}`);
  const [one, other] = [oldHttp, nextHttp].map((http) => ({ internal: false, ...http, hosts: null }));
  const http = changed(one ?? {}, other ?? {}).map((name) => `http.${name}`);
  const rest = [...http, ...changed(oldRest, nextRest)];
  if (rest.length > 0) words.push(`changed ${rest.join(", ")}`);
  return words;
}

/** A variable that differs: new (+), removed (-), or with its versions if it was set before and after. */
function versionsOf(name: string, old: EnvValue | undefined, next: EnvValue | undefined): string {
  if (old === undefined || next === undefined) return `${old === undefined ? "+" : "-"}${name}`;
  const [before, after] = [old, next].map((value) => secretsOf({ value }));
  const [from, to] = [before?.[0], after?.[0]];
  const isOne = before?.length === 1 && after?.length === 1 && from?.secret === name && to?.secret === name;
  return isOne ? `${name} v${from?.version} → v${to?.version}` : name;
}

/** Names of the members that differ. */
function changed(old: object, next: object): readonly string[] {
  const [one, other] = [new Map(Object.entries(old)), new Map(Object.entries(next))];
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((name) => canonicalJson([one.get(name)]) !== canonicalJson([other.get(name)]))
    .sort();
}

function short(digest: string): string {
  return digest.replace("sha256:", "").slice(0, 12);
}

/** One sentence about what would happen. */
export function summaryOf(changes: readonly Difference[], from: Release | null): string {
  const than = `compared with ${from ? releaseName(from.number) : "nothing deployed"}`;
  if (changes.every(({ action }) => action === "keep")) return `nothing changes, ${than}`;
  const counted = (["create", "change", "replace", "destroy", "keep"] as const)
    .map((action) => [action, changes.filter((change) => change.action === action).length] as const)
    .filter(([, count]) => count > 0)
    .map(([action, count]) => `${count} to ${action}`);
  return `${counted.join(", ")}, ${than}`;
}
