import { canonicalJson, sha256 } from "../base/digest.ts";
import type { Diagnostic } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { type ResolveContext, resolveBuild, resolveRegistries } from "../manifest/resolve.ts";
import type { AppSpec } from "../model/app.ts";
import type { ArtifactSpec, BuildSpec, Env, EnvValue } from "../model/release.ts";
import { type Deps, publicUrl } from "./access.ts";
import { type GivenValues, valueText } from "./values.ts";

/** The inputs of an artifact. */
interface Ingredients {
  readonly source: string;
  readonly spec: AppSpec;
  readonly given: GivenValues;
}

/**
 * An artifact is named by all its inputs, so that equal input is built once. Secrets are included as the vault's
 * digests: the name reveals none, and the same value makes the same artifact in every environment.
 */
export function artifactOf(deps: Deps, ingredients: Ingredients, diagnostics: Diagnostic[]): ArtifactSpec {
  const { spec, given } = ingredients;
  const artifact = namedArtifact(deps, ingredients, diagnostics);
  if (deps.builder.makes !== "images" || Object.keys(spec.registries).length === 0) return artifact;
  const resolved = resolveRegistries(spec, given);
  if (resolved.ok) return { ...artifact, registries: resolved.values };
  diagnostics.push(...resolved.diagnostics);
  return artifact;
}

function namedArtifact(deps: Deps, { source, spec, given }: Ingredients, diagnostics: Diagnostic[]): ArtifactSpec {
  const { build, buildVariables } = spec;
  if (Object.keys(buildVariables).length === 0) return { digest: nameOf({ source, ...build }), source, ...build };
  const resolved = resolveBuild(spec, { given, outputs: outputsOf(deps, spec) });
  if (!resolved.ok) diagnostics.push(...resolved.diagnostics);
  const env = resolved.ok ? resolved.values : { plain: {}, secret: {} };
  const inClear = (value: EnvValue) => valueText(value, given);
  const digests = mapped(env.secret, (value) => deps.vault.digest(new Secret(inClear(value)), null));
  const plain = mapped(env.plain, inClear);
  return { digest: nameOf({ source, ...build, variables: { plain, digests } }), source, ...build, env };
}

function nameOf(made: BuildSpec & Readonly<Record<string, unknown>>): string {
  return sha256(canonicalJson(made.image === null ? made : { image: made.image }));
}

function mapped(env: Env, of: (value: EnvValue) => string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, of(value)]));
}

/** Where the services of a manifest are reached. */
export function outputsOf(deps: Deps, spec: AppSpec): ResolveContext["outputs"] {
  return (service, output) => {
    const http = spec.services.find((candidate) => candidate.name === service)?.http;
    const host = http?.internal ? deps.runtime.innerHost(spec, service) : http?.hosts[0];
    if (host === undefined) return null;
    if (output === "url") return publicUrl(deps, host);
    const address = deps.edge.address();
    if (output === "port") return String(address.port);
    return http?.internal ? host : address.host;
  };
}
