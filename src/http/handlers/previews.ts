import { Fault } from "../../base/faults.ts";
import type { previewRoutes } from "../../contract/previews.ts";
import { deploymentOf } from "../../usecases/deployments.ts";
import { createPreview, removePreview } from "../../usecases/previews.ts";
import { readStatus } from "../../usecases/status.ts";
import { envKeyOf, type HandlersOf, type RepeatsOf } from "../exchange.ts";
import { encodeDeployment } from "./deployments.ts";
import { encodePreview, statusReply } from "./environments.ts";

export const previewHandlers: HandlersOf<typeof previewRoutes> = {
  createPreview: async ({ call, deps, params, body }) => {
    const { preview, deployment } = await createPreview(call, envKeyOf(params), body);
    return { json: { preview: encodePreview(preview), deployment: encodeDeployment(deployment, deps.clock.now()) } };
  },
  removePreview: async (exchange) => {
    await removePreview(exchange.call, envKeyOf(exchange.params));
    return statusReply(exchange);
  },
};

export const previewRepeats: RepeatsOf<typeof previewRoutes> = {
  createPreview: async ({ call, deps, params }, outcome) => {
    const { preview } = await readStatus(call, envKeyOf(params));
    const deployment = encodeDeployment(await deploymentOf(call, outcome.deployment ?? ""), deps.clock.now());
    if (preview === null) throw new Fault("preview.unknown", "it no longer exists");
    return { json: { preview: encodePreview(preview), deployment } };
  },
};
