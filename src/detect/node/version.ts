import { type ToolWish, toolWishes } from "../toolfile.ts";
import { join, type Tree, textMember } from "../tree.ts";
import { type ChosenVersion, chooseVersion, npmRange, type VersionLine } from "../version-line.ts";
import type { NodePackage } from "./package.ts";

/** Long-term releases, the newest first. Odd ones end before a deployment does (github.com/nodejs/Release). */
const lines = ["24", "22", "20", "18", "16", "14", "12"] as const;
const node: VersionLine = { name: "Node", offered: lines, maintained: ["24", "22"] };
/** Names of long-term releases (the same page). */
const names: Readonly<Record<string, string>> = {
  krypton: "24",
  jod: "22",
  iron: "20",
  hydrogen: "18",
  gallium: "16",
  fermium: "14",
  erbium: "12",
};

/** The version that the source asks for. */
export function chooseNode(tree: Tree, packages: readonly NodePackage[]): ChosenVersion {
  const wishes = wishesOf(tree, packages);
  return chooseVersion(
    node,
    wishes.map((wish) => ({ ...wish, range: rangeOf(wish.text) })),
  );
}

/** The forms of nvm, nodenv, asdf, mise and Volta as a range of npm's; null: it is none. */
function rangeOf(given: string): string | null {
  const text = given.trim().toLowerCase();
  if (/^(?:node|latest|current|stable|lts(?:\/\*)?|\*)$/.test(text)) return "*";
  const back = /^lts\/-(\d)$/.exec(text)?.[1];
  const named = text.replace(/^(?:lts[/-]|prefix:)/, "");
  const line = back === undefined ? (Object.hasOwn(names, named) ? names[named] : undefined) : lines[Number(back)];
  return npmRange(line ?? named.replace(/^(?:node-?|v)(?=\d)/, ""));
}

function wishesOf(tree: Tree, packages: readonly NodePackage[]): readonly ToolWish[] {
  const files = [".nvmrc", ".node-version"].flatMap((where) => {
    const text = tree.text(where)?.replace(/#.*/g, "").trim();
    return text ? [{ text, where }] : [];
  });
  const keys = ["volta.node", "devEngines.runtime.version", "engines.node"];
  const asked = keys.flatMap((key) =>
    packages.flatMap(({ table, directory }) => {
      const text = textMember(table, key);
      return text === null ? [] : [{ text, where: `${key} of ${join(directory, "package.json")}` }];
    }),
  );
  return [...files, ...toolWishes(tree, ["node", "nodejs"]), ...asked];
}
