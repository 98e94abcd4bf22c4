import { diffVariables } from "../../usecases/compare.ts";
import { changeScale, type Revised, readScale, type ScaledService } from "../../usecases/documents.ts";
import { explainVariable } from "../../usecases/explain.ts";
import { beginTask, followOutput, readTask, removeTask } from "../../usecases/tasks.ts";
import {
  changedVariables,
  changeVariables,
  readVariables,
  revealVariables,
  type VariablesChanged,
} from "../../usecases/variables.ts";
import { destroyValue, listVersions, recoverVault, rotateVault } from "../../usecases/versions.ts";
import { expectedRevision } from "../decode.ts";
import {
  deploymentView,
  originView,
  scaleView,
  setValuesView,
  taskView,
  variablesView,
  versionsView,
} from "../encode.ts";
import { type Handlers, keyOf, type Repeats } from "../exchange.ts";
import { byteStream, linked } from "../stream.ts";

export const documentHandlers = {
  scale: async ({ call, params }) => scaleReply(await readScale(call, keyOf(params))),
  changeScale: async ({ call, params, body, request }) => {
    const order = { set: body, expected: expectedRevision(request) };
    return scaleReply(await changeScale(call, keyOf(params), order));
  },
  variables: async ({ call, params }) => {
    const { revision, content } = await readVariables(call, keyOf(params));
    return { json: variablesView(content), revision };
  },
  variableDiff: async ({ call, params }) => ({
    json: { variables: [...(await diffVariables(call, keyOf(params), params.other))] },
  }),
  revealVariables: async ({ call, params }) => {
    const { variables, effective, build } = await revealVariables(call, keyOf(params));
    return { json: { variables: { ...variables }, effective: copyOf(effective), build: { ...build } } };
  },
  explainVariable: async ({ call, params }) => {
    const { origins, staged } = await explainVariable(call, keyOf(params), params.variable);
    return { json: { services: origins.map(originView), staged } };
  },
  versions: async ({ call, params }) => ({
    json: versionsView(await listVersions(call, keyOf(params), params.variable)),
  }),
  recoverVault: async ({ call }) => ({ json: await recoverVault(call) }),
  rotateVault: async ({ call }) => ({ json: await rotateVault(call) }),
  destroyValue: async ({ call, params }) => {
    await destroyValue(call, keyOf(params), { secret: params.variable, version: Number(params.version) });
    return new Response(null, { status: 204 });
  },
  changeVariables: async ({ call, deps, params, body, request }) => {
    const order = { ...body, expected: expectedRevision(request) };
    return variablesReply(await changeVariables(call, keyOf(params), order), deps.clock.now());
  },
  beginTask: async ({ call, params, body }) => {
    const { spec, observed } = await beginTask(call, keyOf(params), body);
    return { json: { task: taskView(spec, observed) } };
  },
  task: async ({ call, params }) => {
    const task = await readTask(call, keyOf(params), params.task);
    return { json: taskView(task.spec, task) };
  },
  taskOutput: async ({ call, params, query, request }) => {
    const stop = linked(request);
    const order = { name: params.task, stream: query.stream, signal: stop.signal };
    return byteStream(await followOutput(call, keyOf(params), order), stop);
  },
  removeTask: async ({ call, params }) => {
    await removeTask(call, keyOf(params), params.task);
    return new Response(null, { status: 204 });
  },
} satisfies Partial<Handlers>;

export const documentRepeats: Repeats = {
  changeScale: async ({ call, params }) => scaleReply(await readScale(call, keyOf(params))),
  changeVariables: async ({ call, deps, params }, outcome) =>
    variablesReply(await changedVariables(call, keyOf(params), outcome), deps.clock.now()),
};

function scaleReply({ revision, content }: Revised<readonly ScaledService[]>) {
  return { json: scaleView(content), revision };
}

function variablesReply({ revision, content, deployment, changes }: VariablesChanged, now: number) {
  const view = deployment && deploymentView(deployment, now);
  return { json: { variables: setValuesView(content), changes: { ...changes }, deployment: view }, revision };
}

function copyOf(
  effective: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Record<string, Record<string, string>> {
  return Object.fromEntries(Object.entries(effective).map(([service, values]) => [service, { ...values }]));
}
