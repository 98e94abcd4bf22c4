import type { AppSpec, HttpTemplate, ServiceTemplate, VariableSpec } from "../model/app.ts";
import { type Check, type CorsPolicy, type Protection, type ServiceChecks, usualReleaseMs } from "../model/release.ts";
import type { ManifestValue, ServiceValue } from "./grammar.ts";
import { piecesOf } from "./references.ts";
import type { VariableValue } from "./variable.ts";

type HttpValue = NonNullable<ServiceValue["http"]>;

/** Context that the values of a manifest do not contain. */
export interface SpecContext {
  readonly environment: string;
  /** For a preview: the environment whose configuration it has. */
  readonly from: string | null;
  /** Whether the hosts of a service are meant for this environment. */
  readonly ownsHosts: (service: string) => boolean;
  /** The development value of a variable, if it is written in the manifest; without a service: for the build. */
  readonly development: (service: string | null, variable: string) => string | null;
}

/** The model of one environment: every value of the manifest in the terms of `src/model`. */
export function specOf(value: ManifestValue, context: SpecContext): AppSpec {
  const { app, build, deploy, previews } = value;
  const domain = context.from === null ? null : previews.domain;
  return {
    app,
    environment: context.environment,
    from: context.from,
    build: {
      ...build,
      args: Object.fromEntries(build.args ?? []),
      base: Object.fromEntries(build.base ?? []),
    },
    buildVariables: buildVariablesOf(variablesOf(null, value.env, context)),
    registries: Object.fromEntries(value.registries ?? []),
    services: [...value.services].map(([name, service]) => serviceOf(name, service, { app, domain, ...context })),
    deploy: {
      watch: { forMs: deploy.watch.for, errors: deploy.watch.errors, p95Ms: deploy.watch.p95 },
      canary: deploy.canary && { weights: deploy.canary.steps, everyMs: deploy.canary.every },
      keep: deploy.keep,
    },
    previews: { from: previews.from, ttlMs: previews.ttl, max: previews.max },
    protection: context.from === null ? protectionOf(value) : null,
  };
}

function protectionOf({ protected: { confirm, branches, who } }: ManifestValue): Protection | null {
  if (!confirm && branches === null && who === null) return null;
  return { confirm, branches, who };
}

type AppContext = SpecContext & {
  readonly app: string;
  /** The domain of previews, if the manifest sets it. */
  readonly domain: string | null;
};

function serviceOf(name: string, service: ServiceValue, context: AppContext): ServiceTemplate {
  const { run, http, replicas, single, needs, release, checks, stop, memory, cpus, readOnly, settle } = service;
  return {
    name,
    command: service.static === null ? run : staticCommand(service.static),
    http: http && httpOf(http, hostsOf(name, http, context)),
    replicas,
    single,
    needs,
    release: release?.run ?? null,
    releaseWithinMs: release?.within ?? usualReleaseMs,
    checks: checksOf(checks),
    stop: { signal: stop.signal, withinMs: stop.within, drainMs: stop.drain },
    memoryBytes: memory,
    cpus,
    readOnly,
    settleMs: settle,
    variables: variablesOf(name, service.env, context),
  };
}

/** The same in both runtimes: the process runtime has the program in the PATH of apps, the generated image its own. */
function staticCommand({ path, fallback }: NonNullable<ServiceValue["static"]>): readonly string[] {
  return ["fairlead-static", path, ...(fallback === null ? [] : [fallback])];
}

type Specs = Readonly<Record<string, VariableSpec>>;

function variablesOf(service: string | null, env: ServiceValue["env"], context: SpecContext): Specs {
  const specs = [...(env ?? [])].map(([name, value]) => {
    const development = () => context.development(service, name);
    return [name, variableOf(value, { ...context, development })] as const;
  });
  return Object.fromEntries(specs);
}

function buildVariablesOf(specs: Specs): Specs {
  const needed = new Set<string>();
  const need = (name: string): void => {
    if (needed.has(name) || !Object.hasOwn(specs, name)) return;
    needed.add(name);
    for (const piece of piecesOf(specs[name]?.value ?? "") ?? []) if (piece.kind === "variable") need(piece.name);
  };
  for (const [name, { scope }] of Object.entries(specs)) if (scope !== "run") need(name);
  return Object.fromEntries(Object.entries(specs).filter(([name]) => needed.has(name)));
}

/** None for an internal service: its address depends on the machine. */
function hostsOf(name: string, { hosts, internal }: HttpValue, context: AppContext): readonly string[] {
  if (internal) return [];
  return hosts && context.ownsHosts(name) ? hosts : [defaultHost(name, context)];
}

/** `web.shop.localhost`, outside production `staging--web.shop.localhost`: `.localhost` is this machine (RFC 6761). */
function defaultHost(service: string, { app, domain, environment }: AppContext): string {
  return `${environment === "production" ? "" : `${environment}--`}${service}.${domain ?? `${app}.localhost`}`;
}

/** The gate of a service whose manifest names no path. */
const anyAnswer = { path: "/", status: "below 500", json: [], withinMs: 30_000, everyMs: 1_000, times: 2 } as const;

function httpOf(http: HttpValue, hosts: readonly string[]): HttpTemplate {
  const { port, ready, alive, timeout, limits, headers, contentSecurityPolicy, cors, canonical, https, pages } = http;
  return {
    port,
    hosts,
    internal: http.internal,
    ready: ready
      ? {
          path: ready.path,
          status: ready.status,
          json: ready.json ?? [],
          withinMs: ready.within,
          everyMs: ready.every,
          times: ready.times,
        }
      : anyAnswer,
    alive: alive && { path: alive.path, everyMs: alive.every, timeoutMs: alive.timeout, failures: alive.failures },
    timeoutMs: timeout,
    limits: {
      bodyBytes: limits.body,
      rate: limits.rate && { ...limits.rate, burst: limits.burst ?? limits.rate.requests },
    },
    headers,
    contentSecurityPolicy,
    cors: cors && corsOf(cors),
    // Hosts of one environment do not apply to another, which then has its default host.
    canonical: canonical !== null && hosts.includes(canonical) ? canonical : null,
    https,
    pageFiles: Object.fromEntries(pages ?? []),
  };
}

function checksOf(checks: ServiceValue["checks"]): ServiceChecks {
  const before = [...(checks?.before ?? [])].map(
    ([name, { run, within }]): Check => ({ name, proof: { command: run }, withinMs: within }),
  );
  const after = [...(checks?.after ?? [])].map(([name, { run, http, within }]): Check => {
    const proof = http ? { question: { ...http, json: http.json ?? [] } } : { command: run ?? [] };
    return { name, proof, withinMs: within };
  });
  return { before, after };
}

function corsOf({ maxAge, ...cors }: NonNullable<HttpValue["cors"]>): CorsPolicy {
  return { ...cors, maxAgeS: Math.round(maxAge / 1_000) };
}

function variableOf(
  variable: VariableValue,
  { environment, from, development }: Pick<SpecContext, "environment" | "from"> & { development: () => string | null },
): VariableSpec {
  const configured = from ?? environment;
  const { required, generate } = variable;
  return {
    value: variable.value ?? variable.default,
    secret: variable.secret || generate !== null,
    required: typeof required === "boolean" ? required : required.includes(configured),
    pattern: variable.pattern,
    oneOf: variable.oneOf,
    minLength: variable.minLength,
    maxLength: variable.maxLength,
    generate,
    forbid: variable.forbid?.get(configured) ?? [],
    development: variable.change?.includes(configured) ? development() : null,
    scope: variable.scope,
  };
}
