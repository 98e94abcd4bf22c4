import { hostName } from "./domains.ts";
import { deploymentId, digest, name, releaseReference, taskName, valueVersion, variableName } from "./scalars.ts";

/** Every member of a path's braces, and what it must look like. */
export const pathParams = {
  app: name,
  environment: name,
  id: deploymentId,
  digest,
  release: releaseReference,
  from: releaseReference,
  to: releaseReference,
  task: taskName,
  host: hostName,
  variable: variableName,
  version: valueVersion,
  token: name,
  other: name,
} as const;
export type PathParam = keyof typeof pathParams;

/** Fills the braces of a path, each value escaped. */
export function fillPath(path: string, params: Readonly<Partial<Record<PathParam, string>>>): string {
  return path.replace(/\{(\w+)\}/g, (_braces, member: PathParam) => encodeURIComponent(params[member] ?? ""));
}

/** The members of a path's braces, in order. */
export function paramsOf(path: string): readonly PathParam[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, member]) => member as PathParam);
}
