import type { taskRoutes } from "../../contract/tasks.ts";
import { beginTask, followOutput, readTask, removeTask } from "../../usecases/tasks.ts";
import { encodeTask } from "../encode.ts";
import { envKeyOf, type HandlersOf } from "../exchange.ts";
import { byteStream, linked } from "../stream.ts";

export const taskHandlers: HandlersOf<typeof taskRoutes> = {
  beginTask: async ({ call, params, body }) => {
    const { spec, observed } = await beginTask(call, envKeyOf(params), body);
    return { json: { task: encodeTask(spec, observed) } };
  },
  task: async ({ call, params }) => {
    const task = await readTask(call, envKeyOf(params), params.task);
    return { json: encodeTask(task.spec, task) };
  },
  taskOutput: async ({ call, params, query, request }) => {
    const stop = linked(request);
    const order = { name: params.task, stream: query.stream, signal: stop.signal };
    return byteStream(await followOutput(call, envKeyOf(params), order), stop);
  },
  removeTask: async ({ call, params }) => {
    await removeTask(call, envKeyOf(params), params.task);
    return null;
  },
};
