import {
  deploymentId,
  digest,
  hostNameSchema,
  name,
  releaseReference,
  taskNameSchema,
  valueVersion,
  variableNameSchema,
} from "./scalars.ts";

/** Every member of a path's braces, and what it must look like. */
export const pathParams = {
  app: name,
  environment: name,
  id: deploymentId,
  digest,
  release: releaseReference,
  from: releaseReference,
  to: releaseReference,
  task: taskNameSchema,
  host: hostNameSchema,
  variable: variableNameSchema,
  version: valueVersion,
  token: name,
  other: name,
} as const;
export type PathParam = keyof typeof pathParams;
