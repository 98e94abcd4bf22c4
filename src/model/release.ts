import type { FaultCode } from "../base/faults.ts";
import type { EnvKey } from "./environment.ts";

export interface JsonCondition {
  /** Path of member names into the answer, e.g. `["services", "database"]`. */
  readonly path: readonly string[];
  readonly equals: string | number | boolean | null;
}

/** When a new instance counts as ready, and when a serving one keeps its traffic. */
export interface ReadyProbe {
  readonly path: string;
  /** `below 500`: what is asked where the manifest names no path, so that an app without pages answers as it likes. */
  readonly status: number | "below 500";
  /** Conditions on the JSON body; all must hold, so `degraded` sent with status 200 does not pass (X001). */
  readonly json: readonly JsonCondition[];
  /** Longest time from start to ready. */
  readonly withinMs: number;
  readonly everyMs: number;
  /** How many good answers in a row. */
  readonly times: number;
}

/** When a serving instance counts as dead and is restarted. */
export interface AliveProbe {
  readonly path: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** How many bad answers in a row. */
  readonly failures: number;
}

/**
 * At most `burst` requests in any time of `windowMs × burst ÷ requests`: so on average no more than `requests` in
 * `windowMs`, and `burst` at once. With `burst` equal to `requests` it is the plain sliding window of R292.
 */
export interface RateLimit {
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
}

export interface RouteLimits {
  readonly bodyBytes: number;
  /** Per client address; null means no limit. */
  readonly rate: RateLimit | null;
}

/** Whose pages may call the service from a browser (Fetch standard, CORS protocol). The edge answers for it, not the app. */
export interface CorsPolicy {
  /** As browsers send them, `https://shop.example.com`; or `*` alone for any, then never with credentials. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  /** Request headers beyond those that are always allowed. */
  readonly headers: readonly string[];
  /** Answer headers that pages may read beyond those that are always readable. */
  readonly expose: readonly string[];
  /** Cookies and HTTP authentication may be sent. */
  readonly credentials: boolean;
  readonly maxAgeS: number;
}

/** What the edge does with requests of a route on its own. */
export interface RouteRules {
  /** Longest time without a byte from the app before the edge answers 504. */
  readonly timeoutMs: number;
  readonly limits: RouteLimits;
  /** `secure`: the protections of `securityHeaders` where the app did not decide itself. */
  readonly headers: "secure" | "none";
  /** Sent where the app sends none of its own. */
  readonly contentSecurityPolicy: string | null;
  /** Null: what concerns CORS goes to the app and back untouched (R277). */
  readonly cors: CorsPolicy | null;
  /** The host that requests for the others are sent to with 308. */
  readonly canonical: string | null;
  /** `redirect`: plain HTTP is sent to HTTPS with 308 where the edge has a certificate for the host. */
  readonly https: "redirect" | "both";
  /** HTML for browsers by status, in place of the edge's own answers; never of the app's. */
  readonly pages: Readonly<Record<string, string>>;
}

/** The default rules of a route. */
export const plainRules: RouteRules = {
  timeoutMs: 60_000,
  limits: { bodyBytes: 10 * 1024 * 1024, rate: null },
  headers: "none",
  contentSecurityPolicy: null,
  cors: null,
  canonical: null,
  https: "redirect",
  pages: {},
};

export interface HttpSpec extends RouteRules {
  /** The port the app is told by PORT where it has an address of its own; the process runtime gives one of its pool instead. */
  readonly port: number;
  readonly hosts: readonly string[];
  /** Only instances of the same environment may call it. */
  readonly internal: boolean;
  /** Null: the gate is only a TCP connection. */
  readonly ready: ReadyProbe | null;
  readonly alive: AliveProbe | null;
}

export interface StopSpec {
  readonly signal: string;
  /** From the stop signal to SIGKILL. */
  readonly withinMs: number;
  /** How long running requests and streams may continue after the instance left the routes, before the stop signal. */
  readonly drainMs: number;
}

/** Limits of an instance or task. The process runtime only checks memory; engines enforce all. */
export interface Confinement {
  readonly memoryBytes: number | null;
  /** Processor cores, fractions allowed; null means no limit. */
  readonly cpus: number | null;
  /** Only `/tmp` is writable, which is in memory. */
  readonly readOnly: boolean;
}

/** Only the limits of a service. */
export function confinementOf({ memoryBytes, cpus, readOnly }: Confinement): Confinement {
  return { memoryBytes, cpus, readOnly };
}

/** Hosts of internal services. */
export function internalHosts({ services }: Pick<Release, "services">): readonly string[] {
  return services.flatMap(({ http }) => (http?.internal ? http.hosts : []));
}

/** For tasks: no limits. */
export const unconfined: Confinement = { memoryBytes: null, cpus: null, readOnly: false };

/** A version of a value set for the environment. */
export interface SecretRef {
  readonly secret: string;
  readonly version: number;
}

/** A variable in a release: its text, or pieces with versions in place of set values. */
export type EnvValue = string | readonly (string | SecretRef)[];

/** Variables by name. A release contains no text of a set value: it names the version, and the vault has the text. */
export type Env = Readonly<Record<string, EnvValue>>;

/** The variables of a build: the secret ones reach it only as build secrets, which stay in no artifact. */
export interface BuildEnv {
  readonly plain: Env;
  readonly secret: Env;
}

/** How a registry is logged in to. */
export interface RegistryLogin<Password> {
  readonly username: string;
  readonly password: Password;
}

/** Logins by the registry's host, as the names of images begin with it; `docker.io` for those that name none. */
export type RegistryLogins<Password> = Readonly<Record<string, RegistryLogin<Password>>>;

/** The versions that variables name, each once. */
export function secretsOf(env: Env): readonly SecretRef[] {
  const refs = Object.values(env).flatMap((value) => (typeof value === "string" ? [] : value.filter(isRef)));
  return [...new Map(refs.map((ref) => [refText(ref), ref])).values()];
}

/** What Fairlead tells every service beside its variables. */
export const ownVariables = ["RELEASE", "FAIRLEAD_ENVIRONMENT"] as const;

export function isOwnVariable(name: string): boolean {
  return ownVariables.some((own) => own === name);
}

/** `NAME@3`: how a version of a value is written. */
export function refText({ secret, version }: SecretRef): string {
  return `${secret}@${version}`;
}

function isRef(piece: string | SecretRef): piece is SecretRef {
  return typeof piece !== "string";
}

/** What an instance is asked, and what counts as a good answer. */
export interface Question extends Pick<ReadyProbe, "path" | "json"> {
  readonly status: number;
}

/** What a release must show beside its gate. It is over in bounded time. */
export interface Check {
  readonly name: string;
  /** `command` must end with 0, as a task in the new release; each new instance must answer `question` well once. */
  readonly proof: { readonly command: readonly string[] } | { readonly question: Question };
  /** Longest time from its beginning to its proof; then it has failed. */
  readonly withinMs: number;
}

/** `before`: before the release command, commands only. `after`: as soon as the release has all traffic. */
export interface ServiceChecks {
  readonly before: readonly Check[];
  readonly after: readonly Check[];
}

export const noChecks: ServiceChecks = { before: [], after: [] };

export interface ServiceSpec extends Confinement {
  readonly name: string;
  /** Null: the image's own command. */
  readonly command: readonly string[] | null;
  readonly env: Env;
  readonly artifact: string;
  readonly http: HttpSpec | null;
  readonly replicas: number;
  /** Exactly one instance, also during a deployment: the old one stops before the new one starts. */
  readonly single: boolean;
  /** Services that must have passed their gate before this one starts. */
  readonly needs: readonly string[];
  /** Runs once per deployment, in the new artifact, before anything starts. */
  readonly release: readonly string[] | null;
  /** The longest that it may take. */
  readonly releaseWithinMs: number;
  readonly checks: ServiceChecks;
  readonly stop: StopSpec;
  /** How long an instance without a probe must stay up to pass its gate. */
  readonly settleMs: number;
}

/** Desired number of instances of a service: from `scale`, otherwise from the release. A `single` service has one. */
export function replicasOf({ name, single, replicas }: ServiceSpec, scale: Readonly<Record<string, number>>): number {
  return single ? 1 : (scale[name] ?? replicas);
}

/** The limit of a release command of which the manifest says none. */
export const usualReleaseMs = 30 * 60_000;

/** How an artifact is made: as a directory of the process runtime, or as an image. */
export interface BuildSpec {
  /** Directory inside the source that is built, `.` for all of it. */
  readonly context: string;
  /** The process runtime's install-and-build command, run in the copied source; null when the source is ready as it is. */
  readonly command: readonly string[] | null;
  /** Relative to `context`; null: `Dockerfile` when there is one, else one made by detection. */
  readonly dockerfile: string | null;
  readonly target: string | null;
  readonly args: Readonly<Record<string, string>>;
  /** A finished image by digest instead of a build. */
  readonly image: string | null;
  /** Base images that detection uses instead of the official ones, by language (`node`, `python`, `static`). */
  readonly base: Readonly<Record<string, string>>;
}

/** A build of the whole source as it is. */
export const plainBuild: BuildSpec = {
  context: ".",
  command: null,
  dockerfile: null,
  target: null,
  args: {},
  image: null,
  base: {},
};

/** What a build makes, named by the digest of all that goes into it. */
export interface ArtifactSpec extends BuildSpec {
  readonly digest: string;
  readonly source: string;
  /** Left out where the build has no variables. */
  readonly env?: BuildEnv;
  /** No part of what is made, and so not of its name. Left out where there are none. */
  readonly registries?: RegistryLogins<SecretRef>;
}

/** With which faults a build can fail. */
export type BuildFaultCode = Extract<FaultCode, `build.${string}` | `image.${string}` | `engine.${string}`>;

/** What the artifact store has of an artifact. `task`: its build, whose output explains a failure; null: it is not begun yet, or gone. */
export type ArtifactState =
  | { readonly state: "absent" }
  | { readonly state: "building"; readonly since: number; readonly task: string | null }
  | { readonly state: "built" }
  | {
      readonly state: "failed";
      readonly code: BuildFaultCode;
      readonly detail: string;
      readonly task: string | null;
    };

export interface WatchPolicy {
  readonly forMs: number;
  /** Share of failed requests (0…1) above which the release is rolled back. */
  readonly errors: number;
  readonly p95Ms: number | null;
}

export interface CanaryPolicy {
  /** Share of traffic (0…1) per step, rising. */
  readonly weights: readonly number[];
  readonly everyMs: number;
}

export interface DeployPolicy {
  readonly watch: WatchPolicy;
  readonly canary: CanaryPolicy | null;
  /** How many live releases keep their artifacts for rollback. */
  readonly keep: number;
}

/** A rule of the readiness check that somebody let pass. */
export interface Allowed {
  readonly rule: string;
  readonly by: string;
  readonly because: string;
}

/** What guards an environment from changes by mistake, and by those who may not. */
export interface Protection {
  /** Every change wants the environment's name from whoever asks for it. */
  readonly confirm: boolean;
  /** Git branches whose code may go live there; null: any. */
  readonly branches: readonly string[] | null;
  /** Who may change it, as the audit names them; null: everybody. */
  readonly who: readonly string[] | null;
}

/** Rules that somebody knows to be broken and lets pass. */
export interface Permit {
  readonly rules: readonly string[];
  readonly because: string;
}

/** The immutable record vN of everything that runs: artifacts, configuration and routes of all services. */
export interface Release {
  readonly key: EnvKey;
  readonly number: number;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly message: string | null;
  /** Digest of the source tree, for "what is running where". */
  readonly source: string;
  readonly artifacts: readonly ArtifactSpec[];
  readonly services: readonly ServiceSpec[];
  readonly deploy: DeployPolicy;
  /** Names of variables whose values are hidden in logs. */
  readonly secrets: readonly string[];
  /** Errors of the readiness check that were let pass. */
  readonly allowed: readonly Allowed[];
  /** The Git branch of its source, as whoever uploaded that said; null: not said. */
  readonly branch: string | null;
  /** The Git commit of its source, as whoever uploaded that said; null: not said. */
  readonly commit: SourceCommit | null;
  /** What guards the environment as long as this release is the newest that was live; null: nothing. */
  readonly protection: Protection | null;
  /** The manifest's own text, kept for `releases show` and for a configuration change of this release. */
  readonly manifest: string;
}

export interface SourceCommit {
  /** In hexadecimal digits: 40, or 64 in repositories with SHA-256. */
  readonly id: string;
  /** Whether the source differed from the commit. */
  readonly dirty: boolean;
}

/** `a1b2c3d`, with `-dirty` as `git describe --dirty` writes it; null: not known. */
export function commitWords(commit: SourceCommit | null, digits = 7): string | null {
  return commit && `${commit.id.slice(0, digits)}${commit.dirty ? "-dirty" : ""}`;
}

/** `v12`: how a release is written. */
export function releaseName(number: number): string {
  return `v${number}`;
}

/** The number of `v12` or `12`, or null. */
export function parseReleaseName(text: string): number | null {
  const found = /^v?([1-9]\d{0,8})$/.exec(text);
  return found ? Number(found[1]) : null;
}

/** All that the build of a release gets, with the passwords of registries; there is one for all services. */
export function buildEnvOf({ artifacts }: Pick<Release, "artifacts">): Env {
  return Object.assign(
    {},
    ...artifacts.map(({ env, registries }) => ({ ...passwordsOf(registries), ...env?.plain, ...env?.secret })),
  );
}

function passwordsOf(registries: RegistryLogins<SecretRef> = {}): Env {
  return Object.fromEntries(Object.values(registries).map(({ password }) => [password.secret, [password]]));
}

/** All versions of values that a release names, also those of its build. */
export function secretsOfRelease(release: Pick<Release, "artifacts" | "services">): readonly SecretRef[] {
  return [...release.services.map(({ env }) => env), buildEnvOf(release)].flatMap(secretsOf);
}

export function serviceOf(release: Release, name: string): ServiceSpec | undefined {
  return release.services.find((service) => service.name === name);
}
