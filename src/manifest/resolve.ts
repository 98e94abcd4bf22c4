import type { Diagnostic } from "../base/faults.ts";
import { valueLimit } from "../base/variable-name.ts";
import type { AppSpec, ServiceTemplate, VariableSpec } from "../model/app.ts";
import type { BuildEnv, Env, EnvValue, RegistryLogins, SecretRef } from "../model/release.ts";
import { oneOf as listed } from "./diagnostic.ts";
import { matcher, type PatternMatcher } from "./pattern.ts";
import { type OutputName, type Piece, piecesOf } from "./references.ts";

/** A value that was set for the environment, with the version that a release names instead of it. */
export interface Given {
  readonly text: string;
  readonly version: number;
}

/** Sources of values that the manifest does not have. */
export interface ResolveContext {
  /** Set by `env set`; used unchanged, without references. */
  readonly given: Readonly<Record<string, Given>>;
  /** The address of another service; null if unknown. */
  readonly outputs: (service: string, output: OutputName) => string | null;
}

export type Resolved<T> =
  | { readonly ok: true; readonly values: T }
  | { readonly ok: false; readonly diagnostics: Diagnostic[] };

/**
 * Gives each variable of a service its value: the set one, otherwise the manifest's value or default with references
 * replaced. Set values are named by version and never copied. A variable without a value is absent, or an error if
 * required; one that is only for the build is absent. All checks of the manifest apply to the final text. No error
 * contains a value.
 */
export function resolveVariables({ name, variables }: ServiceTemplate, context: ResolveContext): Resolved<Env> {
  const resolver = new Resolver({ path: `services.${name}.env`, variables }, context);
  const resolved = resolver.resolve(({ scope }) => scope !== "build");
  if (resolver.diagnostics.length > 0) return { ok: false, diagnostics: resolver.diagnostics };
  return { ok: true, values: envOf(resolved) };
}

/** Set values that no service declares: every service gets them. */
export function undeclaredVariables(spec: AppSpec, given: ResolveContext["given"]): Env {
  const specs = [...spec.services.map(({ variables }) => variables), spec.buildVariables];
  const declared = new Set([...specs.flatMap(Object.keys), ...passwordNames(spec)]);
  return envOf(
    Object.entries(given).flatMap(([name, value]) => (declared.has(name) ? [] : [[name, [givenPart(name, value)]]])),
  );
}

function envOf(resolved: readonly (readonly [string, readonly Part[]])[]): Env {
  return Object.fromEntries(resolved.map(([name, parts]) => [name, recipeOf(parts)]));
}

/** The same for the build: only variables declared for it. A value that contains a secret variable is secret too. */
export function resolveBuild({ buildVariables: variables }: AppSpec, context: ResolveContext): Resolved<BuildEnv> {
  const resolver = new Resolver({ path: "env", variables }, context);
  const resolved = resolver.resolve(({ scope }) => scope !== "run");
  if (resolver.diagnostics.length > 0) return { ok: false, diagnostics: resolver.diagnostics };
  const pick = (secret: boolean) => envOf(resolved.filter(([, parts]) => parts.some((part) => part.secret) === secret));
  return { ok: true, values: { plain: pick(false), secret: pick(true) } };
}

/** The logins with the versions of their passwords, which are always set and never written in the manifest. */
export function resolveRegistries(
  { registries }: AppSpec,
  given: ResolveContext["given"],
): Resolved<RegistryLogins<SecretRef>> {
  const diagnostics: Diagnostic[] = [];
  const logins = Object.entries(registries).map(([host, { username, password: secret }]) => {
    const found = Object.hasOwn(given, secret) ? given[secret] : undefined;
    const message = `${secret} is not set – set it with \`fairlead env set ${secret} --stdin --stage\``;
    if (!found) diagnostics.push({ path: `registries.${host}.password`, message });
    return [host, { username, password: { secret, version: found?.version ?? 0 } }] as const;
  });
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, values: Object.fromEntries(logins) };
}

/** The names of the values that are passwords of registries. */
export function passwordNames({ registries }: AppSpec): readonly string[] {
  return Object.values(registries).map(({ password }) => password);
}

/** A part of a final value; `ref` if it is not from the manifest. */
interface Part {
  readonly text: string;
  readonly ref: SecretRef | null;
  /** It is from a secret variable. */
  readonly secret: boolean;
}

function givenPart(secret: string, { text, version }: Given): Part {
  return { text, ref: { secret, version }, secret: true };
}

/** Plain text as long as nothing in it was set. */
function recipeOf(parts: readonly Part[]): EnvValue {
  if (parts.every(({ ref }) => ref === null)) return textOf(parts);
  const pieces: (string | SecretRef)[] = [];
  for (const { text, ref } of parts) {
    const last = pieces.at(-1);
    if (ref !== null) pieces.push(ref);
    else if (typeof last === "string") pieces[pieces.length - 1] = last + text;
    else if (text !== "") pieces.push(text);
  }
  return pieces;
}

function textOf(parts: readonly Part[]): string {
  return parts.map(({ text }) => text).join("");
}

type Value =
  | { readonly kind: "value"; readonly pieces: readonly Part[] }
  | { readonly kind: "absent" }
  | { readonly kind: "failed" };

/** Variables, and their place in diagnostics. */
interface Owner extends Pick<ServiceTemplate, "variables"> {
  readonly path: string;
}

class Resolver {
  readonly diagnostics: Diagnostic[] = [];
  readonly #match = matcher();
  readonly #done = new Map<string, Value>();
  readonly #owner: Owner;
  readonly #context: ResolveContext;

  constructor(owner: Owner, context: ResolveContext) {
    this.#owner = owner;
    this.#context = context;
  }

  /** The requested variables that are declared and have a value. */
  resolve(isWanted: (spec: VariableSpec) => boolean): readonly (readonly [string, readonly Part[]])[] {
    return Object.entries(this.#owner.variables).flatMap(([name, spec]) => {
      const value = isWanted(spec) ? this.valueOf(name, []) : null;
      return value?.kind === "value" ? [[name, value.pieces] as const] : [];
    });
  }

  /** `asking`: the variables whose values wait for this one, outermost first. */
  valueOf(name: string, asking: readonly string[]): Value {
    const known = this.#done.get(name);
    if (known) return known;
    if (asking.includes(name)) {
      const round = [...asking.slice(asking.indexOf(name)), name];
      return this.#fail(name, `refers to itself: ${round.join(" → ")}`);
    }
    const spec = Object.hasOwn(this.#owner.variables, name) ? this.#owner.variables[name] : undefined;
    const value = this.#checked(name, { spec, found: this.#find(name, { spec, asking }) });
    // A failure found deeper in a cycle is reported first.
    const first = this.#done.get(name) ?? value;
    this.#done.set(name, first);
    return first;
  }

  #find(name: string, { spec, asking }: { spec: VariableSpec | undefined; asking: readonly string[] }): Value {
    const given = Object.hasOwn(this.#context.given, name) ? this.#context.given[name] : undefined;
    if (given) return { kind: "value", pieces: [{ ...givenPart(name, given), secret: spec?.secret ?? true }] };
    if (!spec || spec.value === null) return { kind: "absent" };
    const pieces = piecesOf(spec.value);
    if (pieces === null) return this.#fail(name, "has an invalid reference");
    const parts: Part[] = [];
    let length = 0;
    for (const piece of pieces) {
      const found = this.#piece(piece, { name, asking });
      if (found === null) return { kind: "failed" };
      parts.push(...found);
      length += textOf(found).length;
      if (length > valueLimit) return this.#fail(name, `is longer than ${valueLimit} characters`);
    }
    return { kind: "value", pieces: spec.secret ? parts.map((part) => ({ ...part, secret: true })) : parts };
  }

  /** The value of a piece; null after an error. */
  #piece(piece: Piece, { name, asking }: { name: string; asking: readonly string[] }): readonly Part[] | null {
    if (piece.kind === "literal") return [{ text: piece.text, ref: null, secret: false }];
    if (piece.kind === "output") {
      const text = this.#context.outputs(piece.service, piece.output);
      if (text === null) this.#fail(name, `needs the ${piece.output} of ${piece.service}, which is unknown`);
      return text === null ? null : [{ text, ref: null, secret: false }];
    }
    const value = this.valueOf(piece.name, [...asking, name]);
    if (value.kind === "absent") this.#fail(name, `refers to ${piece.name}, which has no value`);
    return value.kind === "value" ? value.pieces : null;
  }

  #checked(name: string, { spec, found }: { spec: VariableSpec | undefined; found: Value }): Value {
    if (!spec || found.kind === "failed") return found;
    if (found.kind === "absent")
      return spec.required ? this.#fail(name, "has no value but is required – set it with `fairlead env set`") : found;
    const text = textOf(found.pieces);
    const fault =
      valueFault(spec, text, this.#match) ??
      (spec.forbid.includes(text) ? "has a value that is forbidden in this environment" : null) ??
      (spec.development === text ? "still has its development value – set this environment's own" : null);
    if (fault === null) return found;
    const isSet = found.pieces.some(({ ref }) => ref?.secret === name);
    return this.#fail(name, isSet ? `${fault} (the set value, not the manifest's)` : fault);
  }

  #fail(name: string, message: string): Value {
    const failed = { kind: "failed" } as const;
    if (this.#done.get(name)?.kind !== "failed") {
      this.diagnostics.push({ path: `${this.#owner.path}.${name}`, message });
      this.#done.set(name, failed);
    }
    return failed;
  }
}

type Rules = Pick<VariableSpec, "secret" | "pattern" | "oneOf" | "minLength" | "maxLength">;

/** The rule of all environments that a value breaks, without the value; null if none. */
export function valueFault(rules: Rules, value: string, match: PatternMatcher): string | null {
  const { secret, pattern, oneOf, minLength, maxLength } = rules;
  const length = [...value].length;
  if (value.length > valueLimit) return `is longer than ${valueLimit} characters`;
  if (oneOf !== null && !oneOf.includes(value)) {
    return `has a value that is not in oneOf${secret ? "" : `: ${listed(oneOf)}`}`;
  }
  if (minLength !== null && length < minLength) return `has fewer than ${minLength} characters`;
  if (maxLength !== null && length > maxLength) return `has more than ${maxLength} characters`;
  if (pattern === null) return null;
  const matches = match(pattern, value);
  if (matches === "yes") return null;
  return matches === "no" ? "does not match its pattern" : "takes too long to match its pattern – write a simpler one";
}
