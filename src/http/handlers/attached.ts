import { Fault } from "../../base/faults.ts";
import type { attachedRoutes } from "../../contract/attached.ts";
import { attachTask } from "../../usecases/attached.ts";
import { AttachedClient } from "../attached.ts";
import { envKeyOf, type HandlersOf } from "../exchange.ts";
import { problemOf } from "../problem.ts";

export const attachedHandlers: HandlersOf<typeof attachedRoutes> = {
  attachTask: async ({ call, deps, params, request, upgrade }) => {
    if (upgrade === undefined) throw new Fault("request.invalid", "this path wants a WebSocket connection");
    const client = new AttachedClient(await upgrade());
    try {
      const task = await attachTask(call, envKeyOf(params), await client.order());
      await client.serve(task).finally(() => task.leave());
    } catch (thrown) {
      const problem = problemOf(thrown, { path: new URL(request.url).pathname, requestId: "" });
      if (problem.status >= 500) deps.log.error({ err: thrown }, "an attached command failed");
      client.send({ is: "fault", problem });
    } finally {
      client.close();
    }
    return new Response(null, { status: 204 });
  },
};
