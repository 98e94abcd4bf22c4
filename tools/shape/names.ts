import type { Finding } from "./finding.ts";
import type { Node, Source } from "./source.ts";

interface Declared {
  readonly name: string;
  readonly path: string;
  readonly line: number;
}

/**
 * Names that more than one file of `src/` declares and exports: an exported name means one thing in the whole house. A type and
 * a value of one file may share a name, and what is only passed on (`export … from`) is declared elsewhere.
 */
export function checkNames(sources: readonly Source[]): readonly Finding[] {
  const byName = new Map<string, Declared[]>();
  for (const source of sources.filter(({ path }) => path.startsWith("src/") && !path.endsWith(".test.ts"))) {
    const own = new Map(exportsOf(source).map((declared) => [declared.name, declared]));
    for (const declared of own.values()) {
      byName.set(declared.name, [...(byName.get(declared.name) ?? []), declared]);
    }
  }
  return [...byName.values()].flatMap(([first, ...rest]) =>
    rest.map(({ name, path, line }) => ({
      check: "name-twice",
      path,
      line,
      words: `${name} is exported by ${first?.path} too; one of them needs another name`,
    })),
  );
}

function exportsOf({ path, program, lineOf }: Source): readonly Declared[] {
  const body = program["body"] as readonly Node[];
  return body.flatMap(({ type, declaration, start }) => {
    if (type !== "ExportNamedDeclaration" || !declaration) return [];
    return namesOf(declaration as Node).map((name) => ({ name, path, line: lineOf(start) }));
  });
}

/** The names that one declaration makes; those of a pattern (`export const { a } = …`) are not looked at. */
function namesOf(declaration: Node): readonly string[] {
  const declarations = (declaration["declarations"] as readonly Node[] | undefined) ?? [declaration];
  return declarations.flatMap(({ id }) => ((id as Node | null)?.["name"] as string | undefined) ?? []);
}
