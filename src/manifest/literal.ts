import type { ServiceTemplate } from "../model/app.ts";
import { type OutputName, piecesOf } from "./references.ts";

/** The known outputs of services; null: not yet known. */
type Outputs = (service: string, output: OutputName) => string | null;

/**
 * The values that a manifest alone gives to a service: those whose whole text is there, in the variable or in those
 * that it refers to. Values that must be set, or refer to an unknown output, are absent. No rule is applied.
 */
export function literalValues(
  { variables }: Pick<ServiceTemplate, "variables">,
  outputs: Outputs = () => null,
): ReadonlyMap<string, string> {
  const known = new Map<string, string | null>();
  const textOf = (name: string): string | null => {
    const done = known.get(name);
    if (done !== undefined) return done;
    known.set(name, null); // a variable that refers to itself has no text
    const value = Object.hasOwn(variables, name) ? (variables[name]?.value ?? null) : null;
    const pieces = value === null ? null : piecesOf(value);
    const texts = pieces?.map((piece) => {
      if (piece.kind === "literal") return piece.text;
      return piece.kind === "variable" ? textOf(piece.name) : outputs(piece.service, piece.output);
    });
    const text = texts && !texts.includes(null) ? texts.join("") : null;
    known.set(name, text);
    return text;
  };
  return new Map(
    Object.keys(variables).flatMap((name) => {
      const text = textOf(name);
      return text === null ? [] : [[name, text] as const];
    }),
  );
}
