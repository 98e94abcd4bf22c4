import type { scaleRoutes } from "../../contract/scale.ts";
import type { Revised } from "../../usecases/access.ts";
import { changeScale, readScale, type ScaledService } from "../../usecases/scale.ts";
import { expectedRevision } from "../decode.ts";
import { envKeyOf, type HandlersOf, type RepeatsOf } from "../exchange.ts";

export const scaleHandlers: HandlersOf<typeof scaleRoutes> = {
  scale: async ({ call, params }) => scaleReply(await readScale(call, envKeyOf(params))),
  changeScale: async ({ call, params, body, request }) => {
    const order = { set: body, expected: expectedRevision(request) };
    return scaleReply(await changeScale(call, envKeyOf(params), order));
  },
};

export const scaleRepeats: RepeatsOf<typeof scaleRoutes> = {
  changeScale: async ({ call, params }) => scaleReply(await readScale(call, envKeyOf(params))),
};

function scaleReply({ revision, content }: Revised<readonly ScaledService[]>) {
  return { json: { services: Object.fromEntries(content.map(({ name, ...counts }) => [name, counts])) }, revision };
}
