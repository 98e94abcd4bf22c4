import { member, type Tree, textMember, textsOf } from "./tree.ts";

/** A version that a file asks for, as it is written there. `where` is the file. */
export interface ToolWish {
  readonly text: string;
  readonly where: string;
}

/** What a tree's version managers say of a tool that has these names there: asdf first, then mise. */
export function toolWishes(tree: Tree, names: readonly string[]): readonly ToolWish[] {
  return [...asdf(tree, names), ...mise(tree, names)];
}

/** `nodejs 22.11.0 system`, the first version counts (asdf-vm.com, "Configuration"). */
function asdf(tree: Tree, names: readonly string[]): readonly ToolWish[] {
  const line = new RegExp(`^[ \\t]*(?:${names.join("|")})[ \\t]+([^\\s#]+)`, "m");
  const text = line.exec(tree.text(".tool-versions") ?? "")?.[1];
  return text === undefined ? [] : [{ text, where: ".tool-versions" }];
}

/** `node = "22"`, `["22", "20"]` or `{ version = "22" }` below `[tools]` (mise.jdx.dev, "Configuration"). */
function mise(tree: Tree, names: readonly string[]): readonly ToolWish[] {
  for (const where of ["mise.toml", ".mise.toml", ".config/mise.toml", "mise/config.toml"]) {
    const table = tree.has(where) ? tree.toml(where) : null;
    for (const key of names.map((name) => `tools.${name}`)) {
      const text = textMember(table, key) ?? textMember(table, `${key}.version`) ?? textsOf(member(table, key))[0];
      if (text !== undefined) return [{ text, where }];
    }
  }
  return [];
}
