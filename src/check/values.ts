import { Secret } from "../base/secret.ts";
import { resolveVariables } from "../manifest/resolve.ts";
import type { AppSpec } from "../model/app.ts";
import type { KnownValue } from "./subject.ts";

/** The values that the manifest alone says: those of variables whose references lead to nothing that has to be set. */
export function manifestValues({ services }: AppSpec): readonly KnownValue[] {
  return services.flatMap((service) =>
    Object.entries(service.variables).flatMap(([name, spec]): KnownValue[] => {
      if (spec.value === null) return [];
      // One at a time: what is missing for one variable must not hide what is known of the others.
      const bare = {
        ...spec,
        required: false,
        forbid: [],
        pattern: null,
        oneOf: null,
        minLength: null,
        maxLength: null,
      };
      const variables = { ...relaxed(service.variables), [name]: bare };
      const alone = { ...service, variables: referredTo(variables, name) };
      const resolved = resolveVariables(alone, { given: {}, outputs: () => "known-later" });
      const value = resolved.ok ? resolved.values[name] : undefined;
      return typeof value === "string"
        ? [{ service: service.name, name, text: new Secret(value), from: "manifest" }]
        : [];
    }),
  );
}

type Variables = AppSpec["services"][number]["variables"];

function relaxed(variables: Variables): Variables {
  const rules = { required: false, forbid: [], pattern: null, oneOf: null, minLength: null, maxLength: null };
  return Object.fromEntries(Object.entries(variables).map(([name, spec]) => [name, { ...spec, ...rules }]));
}

/** A variable with those that its text leads to. */
function referredTo(variables: Variables, name: string, seen: ReadonlySet<string> = new Set()): Variables {
  const spec = variables[name];
  if (!spec || seen.has(name)) return {};
  const names = [...(spec.value ?? "").matchAll(/\$\{([A-Za-z_]\w*)\}/g)].map(([, found]) => found ?? "");
  const with_ = new Set([...seen, name]);
  return Object.assign({ [name]: spec }, ...names.map((one) => referredTo(variables, one, with_)));
}
