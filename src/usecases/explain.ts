import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { fillEnv } from "../engine/values.ts";
import type { WrittenOrigin } from "../manifest/origin.ts";
import { type Environment, type EnvKey, keyText } from "../model/environment.ts";
import {
  buildEnvOf,
  type EnvValue,
  isOwnVariable,
  type Release,
  refText,
  secretsOf,
  secretsOfRelease,
} from "../model/release.ts";
import { type Call, environmentOf, newestRelease } from "./access.ts";
import { loadManifest } from "./compose.ts";
import { maker } from "./generate.ts";

/** Where a service, or the build, gets the value of a variable from. */
export interface ValueOrigin extends Omit<WrittenOrigin, "gives" | "place"> {
  /**
   * `set`: on the controller. `generated`: Fairlead generated it and stores it there. `value`, `default`, `refers`: the
   * manifest has it, as a value, as a default, or as a text with others in it. `fairlead`: Fairlead sets it for every
   * service. `absent`: not set.
   */
  readonly from: "set" | "generated" | "value" | "default" | "refers" | "fairlead" | "absent";
  readonly digest: string | null;
  /** The versions in it, as `NAME@3`. */
  readonly set: readonly string[];
  readonly place: WrittenOrigin["place"] | null;
}

export interface Explained {
  readonly origins: readonly ValueOrigin[];
  /** The version that waits for the next deployment, as `NAME@3`. */
  readonly staged: string | null;
}

/**
 * Where every service of the newest release, and the build, gets a variable from. Faults: `app.unknown`,
 * `release.none-before` if there is no release yet, `value.unknown` if the name is unknown.
 */
export async function explainVariable(call: Call, key: EnvKey, name: string): Promise<Explained> {
  const environment = await environmentOf(call, key);
  const release = await newestRelease(call, environment);
  const hint = "`fairlead env list` shows set values, and `fairlead env explain --file` those of a manifest.";
  if (!release) throw new Fault("release.none-before", `${keyText(key)} has no release yet`, { hint });
  const written = loadManifest(environment, release.source, release.manifest).originsOf(name);
  const origins = await Promise.all(
    valuesIn(release, name).map(async ({ service, value }): Promise<ValueOrigin | null> => {
      const found = written.find((one) => one.service === service);
      if (service === null && !found) return null;
      const { place = null, refersTo = [], rules = [] } = found ?? {};
      const about = { service, place, refersTo, rules };
      if (value === undefined) return { ...about, from: "absent", digest: null, set: [] };
      const filled = await fillEnv(call.deps, key, { [name]: value });
      const digest = call.deps.vault.digest(new Secret(filled[name] ?? ""), key);
      const set = secretsOf({ [name]: value }).map(refText);
      return { ...about, from: fromOf({ name, value, written: found, environment }), digest, set };
    }),
  );
  const known = origins.filter((one) => one !== null);
  const staged = stagedIn(release, environment, name);
  if (staged !== null || known.some(({ from, place }) => from !== "absent" || place !== null)) {
    return { origins: known, staged };
  }
  throw new Fault("value.unknown", `${keyText(key)} knows no variable ${name}`);
}

function stagedIn(release: Release, { variables }: Environment, name: string): string | null {
  const version = Object.hasOwn(variables, name) ? variables[name]?.version : undefined;
  if (version === undefined) return null;
  const newest = refText({ secret: name, version });
  return secretsOfRelease(release).some((ref) => refText(ref) === newest) ? null : newest;
}

/** The variable in every service of a release and in its build. */
function valuesIn(release: Release, name: string) {
  return [...release.services, { name: null, env: buildEnvOf(release) }].map(({ name: service, env }) => {
    return { service, value: Object.hasOwn(env, name) ? env[name] : undefined };
  });
}

interface About {
  readonly name: string;
  readonly value: EnvValue;
  readonly written: WrittenOrigin | undefined;
  readonly environment: Environment;
}

function fromOf({ name, value, written, environment }: About): ValueOrigin["from"] {
  if (isOwnVariable(name)) return "fairlead";
  const [piece] = typeof value === "string" ? [] : value;
  const isSet = value.length === 1 && typeof piece === "object" && piece.secret === name;
  if (isSet) return environment.variables[name]?.by === maker ? "generated" : "set";
  return written?.gives === "value" || written?.gives === "default" ? written.gives : "refers";
}
