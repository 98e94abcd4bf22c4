import { type ContainerEngine, isRefusal, type Query } from "../../../host/engine.ts";
import { jsonLines } from "../../../host/engine-streams.ts";
import { BuildkitLines } from "./buildkit-lines.ts";
import { ClassicLines } from "./classic-lines.ts";
import { isKeptByContainerd, type StoreInfo } from "./images.ts";
import { buildHeaders } from "./registries.ts";
import { openSession, type Session } from "./session.ts";
import { type BuildControl, type BuildEnd, type BuildOrder, exitCodeIn, type Way } from "./way.ts";

/** The planner's deadline of the build phase ends a build; this only needs to be longer. */
const longestMs = 3_600_000;

/** One message of a build: both builders answer 200 and report failures here. */
interface BuildMessage {
  readonly id?: string;
  readonly aux?: unknown;
  readonly stream?: string;
  readonly status?: string;
  readonly errorDetail?: { readonly code?: number; readonly message?: string };
}

/**
 * BuildKit through the engine's API, with a session for secrets or logins; other uses of a session (`--mount=type=ssh`)
 * fail with a message.
 */
export function buildkitWay(engine: ContainerEngine): Way {
  return {
    name: "BuildKit of the engine",
    async run(order, control) {
      const lines = new BuildkitLines(control.say);
      const session = await sessionFor(engine, order, control);
      const failure = await talk(engine, { order, control, version: "2", session: session?.id }, (message) => {
        if (message.id === "moby.buildkit.trace" && typeof message.aux === "string") {
          lines.take(Buffer.from(message.aux, "base64"));
        }
      }).finally(() => session?.close());
      if (!failure) return { ok: true };
      const words = lines.failed?.error ?? failure.message ?? "the builder gave no reason";
      return { ok: false, step: lines.failed?.name ?? null, code: exitCodeIn(words), words };
    },
  };
}

async function sessionFor(
  engine: ContainerEngine,
  order: BuildOrder,
  { signal }: BuildControl,
): Promise<Session | null> {
  const isAsked = [order.secrets, order.registries].some((known) => Object.keys(known).length > 0);
  return isAsked ? openSession(engine, order, signal) : null;
}

/** The builder of engines without BuildKit. Only it applies limits of memory and processor. */
export function classicWay(engine: ContainerEngine): Way {
  return {
    name: "the engine's classic builder",
    async run(order, control) {
      const secret = Object.keys(order.secrets)[0];
      if (secret !== undefined) {
        const words = `the engine's classic builder does not support build secrets, and ${secret} is one: BuildKit is needed`;
        return { ok: false, step: null, code: null, words };
      }
      const lines = new ClassicLines(control.say);
      const headers = buildHeaders(order.registries);
      const failure = await talk(engine, { order, control, version: "1", headers }, ({ stream, status }) => {
        if (stream !== undefined) lines.take(stream);
        else if (status !== undefined) lines.take(`${status}\n`);
      });
      lines.end();
      if (!failure) return { ok: true };
      const words = failure.message ?? "the builder gave no reason";
      return { ok: false, step: lines.step, code: failure.code ?? null, words };
    },
  };
}

/**
 * Whether BuildKit gets the context of the request. Before engine 28 it does not if images are kept in containerd: it
 * then looks for one in the network, and finds none (moby/moby issue 47717).
 */
export async function takesContext(engine: ContainerEngine): Promise<boolean> {
  const { engine: version } = await engine.version();
  return Number.parseInt(version, 10) >= 28 || !isKeptByContainerd(await engine.json<StoreInfo>("GET", "/info"));
}

/** Whether the engine reported that it does not have this builder. */
export function hasNoSuchBuilder(thrown: unknown): boolean {
  return isRefusal(thrown, 400, 404, 501);
}

interface Talk {
  readonly order: BuildOrder;
  readonly control: BuildControl;
  readonly version: "1" | "2";
  readonly session?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Runs the build in the engine to its end; returns the failure, or null. */
async function talk(
  engine: ContainerEngine,
  { order, control, version, session, headers = {} }: Talk,
  hear: (message: BuildMessage) => void,
): Promise<BuildMessage["errorDetail"] | null> {
  const { signal } = control;
  const upload = { content: order.tar() };
  const answer = await engine.stream("POST", "/build", {
    query: { ...queryOf(order, version), session },
    upload,
    headers,
    signal,
    withinMs: longestMs,
  });
  let failure: BuildMessage["errorDetail"] | null = null;
  for await (const message of jsonLines<BuildMessage>(answer)) {
    hear(message);
    failure ??= message.errorDetail ?? null;
  }
  return failure;
}

const cpuPeriod = 100_000;

function queryOf({ tag, dockerfile, target, args, labels, limits }: BuildOrder, version: "1" | "2"): Query {
  const { memoryBytes, cpus } = limits;
  return {
    version,
    t: tag,
    dockerfile,
    target: target ?? undefined,
    buildargs: args,
    labels,
    // Removes what the classic builder would leave behind; BuildKit leaves nothing.
    rm: true,
    forcerm: true,
    ...(memoryBytes === null ? {} : { memory: memoryBytes, memswap: memoryBytes }),
    ...(cpus === null ? {} : { cpuperiod: cpuPeriod, cpuquota: Math.round(cpus * cpuPeriod) }),
  };
}

export type { BuildEnd };
