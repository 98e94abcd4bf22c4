import type { AppSpec, VariableSpec } from "../model/app.ts";
import { allOf } from "./complaint.ts";
import { ownersIn } from "./owner.ts";
import { piecesOf } from "./references.ts";
import { entryOf, type Node, nodeAt } from "./source.ts";

/** What the manifest alone says of a variable of a service, or of the build. No value is in it. */
export interface WrittenOrigin {
  /** Null: the build. */
  readonly service: string | null;
  /**
   * What there is where nothing is set: a `value` or a `default`, all written there; a text that `refers` to other variables
   * or to services; a value that Fairlead makes (`generate`); or `nothing`.
   */
  readonly gives: "value" | "default" | "refers" | "generate" | "nothing";
  /** What the text refers to, as NAME or service.url. */
  readonly refersTo: readonly string[];
  readonly place: WrittenPlace;
  /** The rules for it, in words. */
  readonly rules: readonly string[];
}

/** Where the text is written, or without one, where the variable is declared. */
export interface WrittenPlace {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** The environment whose overlay it is in. */
  readonly overlay: string | null;
  readonly group: string | null;
}

/** What is written of a variable for every service that has it, and for the build. */
export function originsIn(
  { spec, root }: { readonly spec: AppSpec; readonly root: Node },
  name: string,
): readonly WrittenOrigin[] {
  const variables = ownersIn(spec).flatMap(({ service, variables, at }): WrittenOrigin[] => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (!variable || (service === null && variable.scope === "run")) return [];
    return [{ service, ...originOf(variable, nodeAt(root, ...at, name)), rules: rulesOf(variable) }];
  });
  const hosts = Object.keys(spec.registries).filter((host) => spec.registries[host]?.password === name);
  const [first] = hosts;
  if (first === undefined) return variables;
  const place = placeOf(nodeAt(root, "registries", first, "password"));
  const rules = ["secret", "required", `the password of ${allOf(hosts)}`];
  return [...variables, { service: null, gives: "nothing", refersTo: [], place, rules }];
}

function originOf(variable: VariableSpec, node: Node): Pick<WrittenOrigin, "gives" | "refersTo" | "place"> {
  const pieces = piecesOf(variable.value ?? "") ?? [];
  const refersTo = pieces.flatMap((piece) => {
    if (piece.kind === "variable") return [piece.name];
    return piece.kind === "output" ? [`${piece.service}.${piece.output}`] : [];
  });
  const text = entryOf(node, "value") ?? entryOf(node, "default");
  if (!text) return { gives: variable.generate ? "generate" : "nothing", refersTo, place: placeOf(node) };
  const gives = refersTo.length > 0 ? "refers" : entryOf(node, "value") ? "value" : "default";
  return { gives, refersTo: [...new Set(refersTo)], place: placeOf(text.value) };
}

function placeOf({ path, line, column }: Node): WrittenPlace {
  const [, overlay = null, group = null] = /^(?:environments\.([^.]+)\.)?(?:groups\.([^.]+)\.)?/.exec(path) ?? [];
  return { path, line, column, overlay, group };
}

function rulesOf(spec: VariableSpec): readonly string[] {
  const rules: string[] = [];
  if (spec.secret) rules.push("secret");
  if (spec.required) rules.push("required");
  if (spec.scope !== "run") rules.push(spec.scope === "build" ? "for the build" : "for the build too");
  if (spec.generate) rules.push(`made by Fairlead (${spec.generate}) when nothing gives one`);
  if (spec.pattern !== null) rules.push("has a pattern");
  if (spec.oneOf) rules.push(`one of ${spec.oneOf.length}`);
  if (spec.minLength !== null) rules.push(`at least ${spec.minLength} characters`);
  if (spec.maxLength !== null) rules.push(`at most ${spec.maxLength} characters`);
  if (spec.forbid.length > 0) rules.push("has values that are forbidden here");
  if (spec.development !== null) rules.push("must not be the value for development");
  return rules;
}
