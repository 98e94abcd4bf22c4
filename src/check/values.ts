import { Secret } from "../base/secret.ts";
import { literalValues } from "../manifest/literal.ts";
import type { AppSpec } from "../model/app.ts";
import type { KnownValue } from "./subject.ts";

/** The values that the manifest alone says, where services are reached by a name that stands in for it. */
export function manifestValues({ services }: AppSpec): readonly KnownValue[] {
  return services.flatMap((service) =>
    [...literalValues(service, (name) => `${name}.invalid`)].map(
      ([name, text]): KnownValue => ({ service: service.name, name, text: new Secret(text), from: "manifest" }),
    ),
  );
}
