/** A piece of a variable's text: literal, another variable, or an output of a service. */
export type Piece =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "output"; readonly service: string; readonly output: OutputName };

export const outputs = ["url", "host", "port"] as const;
export type OutputName = (typeof outputs)[number];

/**
 * Parses a variable's text: `${NAME}`, `${service.url|host|port}`, `$$` for a dollar sign; any other dollar sign is
 * itself. Null when a `${` is not closed or names neither.
 */
export function piecesOf(text: string): readonly Piece[] | null {
  const pieces: Piece[] = [];
  let rest = 0;
  for (const found of text.matchAll(/\$\$|\$\{([^{}]{0,200})\}?/g)) {
    if (found.index > rest) pieces.push({ kind: "literal", text: text.slice(rest, found.index) });
    const piece = found[0] === "$$" ? ({ kind: "literal", text: "$" } as const) : referenceOf(found[0]);
    if (piece === null) return null;
    pieces.push(piece);
    rest = found.index + found[0].length;
  }
  if (rest < text.length) pieces.push({ kind: "literal", text: text.slice(rest) });
  return pieces;
}

function referenceOf(written: string): Piece | null {
  const variable = /^\$\{([A-Za-z_]\w{0,127})\}$/.exec(written)?.[1];
  if (variable !== undefined) return { kind: "variable", name: variable };
  const [, service, name] = /^\$\{([a-z][a-z0-9-]{0,39})\.([a-z]+)\}$/.exec(written) ?? [];
  const output = outputs.find((known) => known === name);
  return service !== undefined && output !== undefined ? { kind: "output", service, output } : null;
}
