import type { BuildSpec, DeployPolicy, HttpSpec, Protection, RegistryLogins, ServiceSpec } from "./release.ts";

/** One environment variable, resolved for one environment but without its value. */
export interface VariableSpec {
  /** Literal text with `${…}` references; null if the manifest has no value and no default. */
  readonly value: string | null;
  readonly secret: boolean;
  /** A deployment to this environment needs a value. */
  readonly required: boolean;
  readonly pattern: string | null;
  readonly oneOf: readonly string[] | null;
  readonly minLength: number | null;
  readonly maxLength: number | null;
  readonly generate: "hex32" | "hex64" | "base64" | "uuid" | "django" | null;
  /** Values that are forbidden in this environment. */
  readonly forbid: readonly string[];
  /** The development value, if this environment must have another; otherwise null. */
  readonly development: string | null;
  /** Who gets it: the running services, the build, or both. */
  readonly scope: "run" | "build" | "both";
}

/** How a service answers HTTP, with file names of its pages instead of their text. */
export interface HttpTemplate extends Omit<HttpSpec, "pages"> {
  readonly pageFiles: Readonly<Record<string, string>>;
}

/** A service as the manifest describes it: without the artifact, and with variables and files instead of their contents. */
export interface ServiceTemplate extends Omit<ServiceSpec, "artifact" | "env" | "http"> {
  readonly http: HttpTemplate | null;
  readonly variables: Readonly<Record<string, VariableSpec>>;
}

/** Settings for previews of an app. */
export interface PreviewPolicy {
  /** The environment whose configuration they use. */
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
  /** The variables of the build, which all services share, and those that they refer to. */
  readonly buildVariables: Readonly<Record<string, VariableSpec>>;
  /** Registry logins of the build, with the names of the values that are passwords. */
  readonly registries: RegistryLogins<string>;
  readonly services: readonly ServiceTemplate[];
  readonly deploy: DeployPolicy;
  readonly previews: PreviewPolicy;
  /** Null: the environment is not protected, as previews never are. */
  readonly protection: Protection | null;
}
