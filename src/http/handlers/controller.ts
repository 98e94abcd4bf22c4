import { Fault } from "../../base/faults.ts";
import type { controllerRoutes } from "../../contract/controller.ts";
import { measure } from "../../usecases/metrics.ts";
import { timeText } from "../encode.ts";
import type { ApiDeps, HandlersOf } from "../exchange.ts";
import { exposition } from "../exposition.ts";
import { openApiDocument } from "../openapi.ts";

/** Whoever asks whether the controller is ready wants an answer, not a place in a queue. */
const readyMs = 200;

const plainText = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

export const controllerHandlers: HandlersOf<typeof controllerRoutes> = {
  health: async () => new Response("ok\n", { headers: plainText }),
  readiness: async ({ deps }) => {
    deps.intact();
    await inTime(deps.journal.events.lastId(), { deps, what: "the journal" });
    const { answers, since, detail } = deps.edge.answer();
    if (!answers)
      throw new Fault("edge.unreachable", `${detail} since ${since === null ? "its start" : timeText(since)}`);
    return new Response("ready\n", { headers: plainText });
  },
  metrics: async ({ call }) =>
    new Response(exposition(await measure(call), process.memoryUsage.rss()), { headers: plainText }),
  openapi: async ({ deps }) => Response.json(openApiDocument(deps.info.version)),
  info: async ({ deps: { info, edge } }) => {
    const { version, pid, stateDirectory, runtime, startedAt } = info;
    const { host, port } = edge.address();
    return { json: { version, pid, stateDirectory, edge: { host, port }, runtime, startedAt: timeText(startedAt) } };
  },
  doctor: async ({ deps }) => ({ json: { checks: await deps.doctor() } }),
};

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
  const hint = "Apps are not affected. The disk of the state directory may be slow or hung; see `fairlead doctor`.";
  throw new Fault("wait.timeout", `${what} did not answer within ${readyMs} ms`, { hint });
}
