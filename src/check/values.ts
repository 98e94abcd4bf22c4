import { Secret } from "../base/secret.ts";
import { literalValues } from "../manifest/literal.ts";
import type { AppSpec } from "../model/app.ts";
import type { KnownValue } from "./subject.ts";

/** The values of the manifest alone, with placeholder names for the addresses of services. */
export function manifestValues({ services }: AppSpec): readonly KnownValue[] {
  return services.flatMap((service) =>
    [...literalValues(service, (name) => `${name}.invalid`)].map(
      ([name, text]): KnownValue => ({ service: service.name, name, text: new Secret(text), from: "manifest" }),
    ),
  );
}
