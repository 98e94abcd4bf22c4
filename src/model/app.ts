import type { BuildSpec, DeployPolicy, HttpSpec, Protection, RegistryLogins, ServiceSpec } from "./release.ts";

/** What is known of one environment variable, resolved for one environment but not yet given its value. */
export interface VariableSpec {
  /** Literal text with `${…}` references; null when the manifest gives no value and no default. */
  readonly value: string | null;
  readonly secret: boolean;
  /** A deployment to this environment must find a value. */
  readonly required: boolean;
  readonly pattern: string | null;
  readonly oneOf: readonly string[] | null;
  readonly minLength: number | null;
  readonly maxLength: number | null;
  readonly generate: "hex32" | "hex64" | "base64" | "uuid" | "django" | null;
  /** Values that this environment must not have. */
  readonly forbid: readonly string[];
  /** The value for development, where this environment must have another; else null. */
  readonly development: string | null;
  /** Who gets it: the running services, the build, or both. */
  readonly scope: "run" | "build" | "both";
}

/** How a service answers HTTP, with the names of its pages' files in the source instead of their text. */
export interface HttpTemplate extends Omit<HttpSpec, "pages"> {
  readonly pageFiles: Readonly<Record<string, string>>;
}

/** A service as the manifest describes it: without the artifact, and with variables and files instead of their contents. */
export interface ServiceTemplate extends Omit<ServiceSpec, "artifact" | "env" | "http"> {
  readonly http: HttpTemplate | null;
  readonly variables: Readonly<Record<string, VariableSpec>>;
}

/** What previews of an app are. */
export interface PreviewPolicy {
  /** The environment whose configuration they have. */
  readonly from: string;
  readonly ttlMs: number;
  /** Maximum number of previews. */
  readonly max: number;
}

/** One app as `fairlead.yml` describes it for one environment: overlays merged, defaults filled in. */
export interface AppSpec {
  readonly app: string;
  readonly environment: string;
  /** For a preview: the environment whose configuration it has. */
  readonly from: string | null;
  readonly build: BuildSpec;
  /** The variables of the build, which is one for all services, and those that they refer to. */
  readonly buildVariables: Readonly<Record<string, VariableSpec>>;
  /** How the build logs in to registries, with the names of the values that are the passwords. */
  readonly registries: RegistryLogins<string>;
  readonly services: readonly ServiceTemplate[];
  readonly deploy: DeployPolicy;
  readonly previews: PreviewPolicy;
  /** Null: nothing guards the environment, as no preview is guarded. */
  readonly protection: Protection | null;
}
