import { Fault } from "../../base/faults.ts";
import { changeMaintenance } from "../../usecases/maintenance.ts";
import { measure } from "../../usecases/metrics.ts";
import { hasSource, putSource } from "../../usecases/sources.ts";
import { listEnvironments, readStatus } from "../../usecases/status.ts";
import { stopEnvironment } from "../../usecases/stop.ts";
import { createToken, listTokens, revokeToken } from "../../usecases/tokens.ts";
import { environmentView, statusView, timeText, tokenView } from "../encode.ts";
import { type ApiDeps, type Handlers, keyOf } from "../exchange.ts";
import { exposition } from "../exposition.ts";
import { openApiDocument } from "../openapi.ts";

/** Whoever asks whether the controller is ready wants an answer, not a place in a queue. */
const readyMs = 200;

const text = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

export const controllerHandlers = {
  health: async () => new Response("ok\n", { headers: text }),
  readiness: async ({ deps }) => {
    deps.intact();
    await inTime(deps.journal.lastEventId(), { deps, what: "the journal" });
    const { answers, since, detail } = deps.edge.answer();
    if (!answers)
      throw new Fault("edge.unreachable", `${detail} since ${since === null ? "its start" : timeText(since)}`);
    return new Response("ready\n", { headers: text });
  },
  metrics: async ({ call }) =>
    new Response(exposition(await measure(call), process.memoryUsage.rss()), { headers: text }),
  openapi: async ({ deps }) => Response.json(openApiDocument(deps.info.version)),
  info: async ({ deps: { info, edge } }) => {
    const { version, pid, stateDirectory, runtime, startedAt } = info;
    const { host, port } = edge.address();
    return { json: { version, pid, stateDirectory, edge: { host, port }, runtime, startedAt: timeText(startedAt) } };
  },
  doctor: async ({ deps }) => ({ json: { checks: (await deps.doctor()).map((check) => ({ ...check })) } }),
  tokens: async ({ call }) => ({ json: { items: (await listTokens(call)).map(tokenView) } }),
  createToken: async ({ call, params, body: { expiresInMs = null } }) => {
    const { token, text } = await createToken(call, params.token, { expiresInMs });
    return { json: { token: tokenView(token), text: text.reveal() } };
  },
  revokeToken: async ({ call, params }) => {
    await revokeToken(call, params.token);
    return new Response(null, { status: 204 });
  },
  hasSource: async ({ call, params }) =>
    new Response(null, { status: (await hasSource(call, params.digest)) ? 204 : 404 }),
  putSource: async ({ call, params, request }) => {
    if (!request.body) throw new Fault("request.invalid", "the body must be a tar stream");
    await putSource(call, params.digest, request.body);
    return new Response(null, { status: 204 });
  },
  environments: async ({ call }) => ({ json: { items: (await listEnvironments(call)).map(environmentView) } }),
  status: async ({ call, deps, params }) => ({
    json: statusView(await readStatus(call, keyOf(params)), deps.clock.now()),
  }),
  beginMaintenance: async ({ call, deps, params, body }) => {
    await changeMaintenance(call, keyOf(params), body);
    return { json: statusView(await readStatus(call, keyOf(params)), deps.clock.now()) };
  },
  endMaintenance: async ({ call, deps, params }) => {
    await changeMaintenance(call, keyOf(params), null);
    return { json: statusView(await readStatus(call, keyOf(params)), deps.clock.now()) };
  },
  stop: async ({ call, deps, params }) => {
    await stopEnvironment(call, keyOf(params));
    return { json: statusView(await readStatus(call, keyOf(params)), deps.clock.now()) };
  },
} satisfies Partial<Handlers>;

/** Fault `wait.timeout`, which says what was slow. */
async function inTime(answer: Promise<unknown>, { deps, what }: { deps: Pick<ApiDeps, "clock">; what: string }) {
  let callOff = () => {};
  const late = new Promise<"late">((resolve) => {
    callOff = deps.clock.after(readyMs, () => resolve("late"));
  });
  try {
    if ((await Promise.race([answer, late])) !== "late") return;
  } finally {
    callOff();
  }
  const hint = "Apps go on. The disk of the state directory may be slow or hang; `fairlead doctor` says more.";
  throw new Fault("wait.timeout", `${what} did not answer within ${readyMs} ms`, { hint });
}
