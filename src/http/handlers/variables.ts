import type { SetValueView, variableRoutes } from "../../contract/variables.ts";
import { releaseName } from "../../model/release.ts";
import { diffVariables } from "../../usecases/compare.ts";
import { explainVariable } from "../../usecases/explain.ts";
import {
  changedVariables,
  changeVariables,
  type KnownVariable,
  readVariables,
  revealVariables,
  type VariablesChanged,
} from "../../usecases/variables.ts";
import { destroyValue, listVersions } from "../../usecases/versions.ts";
import { expectedRevision } from "../decode.ts";
import { timeText } from "../encode.ts";
import { envKeyOf, type HandlersOf, type RepeatsOf } from "../exchange.ts";
import { encodeDeployment } from "./deployments.ts";

export const variableHandlers: HandlersOf<typeof variableRoutes> = {
  variables: async ({ call, params }) => {
    const { revision, content } = await readVariables(call, envKeyOf(params));
    return { json: { ...content, variables: encodeValues(content.variables) }, revision };
  },
  changeVariables: async ({ call, deps, params, body, request }) => {
    const order = { ...body, expected: expectedRevision(request) };
    return changedReply(await changeVariables(call, envKeyOf(params), order), deps.clock.now());
  },
  revealVariables: async ({ call, params }) => ({ json: await revealVariables(call, envKeyOf(params)) }),
  explainVariable: async ({ call, params }) => {
    const { origins, staged } = await explainVariable(call, envKeyOf(params), params.variable);
    return { json: { services: origins, staged } };
  },
  versions: async ({ call, params }) => {
    const versions = await listVersions(call, envKeyOf(params), params.variable);
    const items = versions.map(({ version, digest, at, by, state, releases }) => {
      return { version, digest, setAt: timeText(at), setBy: by, state, releases: releases.map(releaseName) };
    });
    return { json: { items } };
  },
  destroyValue: async ({ call, params }) => {
    await destroyValue(call, envKeyOf(params), { secret: params.variable, version: Number(params.version) });
    return null;
  },
  variableDiff: async ({ call, params }) => ({
    json: { variables: await diffVariables(call, envKeyOf(params), params.other) },
  }),
};

export const variableRepeats: RepeatsOf<typeof variableRoutes> = {
  changeVariables: async ({ call, deps, params }, outcome) =>
    changedReply(await changedVariables(call, envKeyOf(params), outcome), deps.clock.now()),
};

function changedReply({ revision, content, deployment, changes }: VariablesChanged, now: number) {
  const begun = deployment && encodeDeployment(deployment, now);
  return { json: { variables: encodeValues(content), changes, deployment: begun }, revision };
}

function encodeValues(values: Readonly<Record<string, KnownVariable>>): Record<string, SetValueView> {
  const encode = ({ version, digest, at, by, live }: KnownVariable): SetValueView => {
    return { version, digest, setAt: timeText(at), setBy: by, state: live ? "live" : "staged" };
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, encode(value)]));
}
