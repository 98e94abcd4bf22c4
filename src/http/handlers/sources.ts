import { Fault } from "../../base/faults.ts";
import type { sourceRoutes } from "../../contract/sources.ts";
import { hasSource, putSource } from "../../usecases/sources.ts";
import type { HandlersOf } from "../exchange.ts";

export const sourceHandlers: HandlersOf<typeof sourceRoutes> = {
  hasSource: async ({ call, params }) =>
    (await hasSource(call, params.digest)) ? null : new Response(null, { status: 404 }),
  putSource: async ({ call, params, request }) => {
    if (!request.body) throw new Fault("request.invalid", "the body must be a tar stream");
    await putSource(call, params.digest, request.body);
    return null;
  },
};
