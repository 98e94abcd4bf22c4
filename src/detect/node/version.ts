import semver from "semver";
import { join, member, type Tree, textMember, textsOf } from "../tree.ts";
import type { NodePackage } from "./package.ts";

/** A requested version: exact, a range, or a name. `where` is the file and key. */
interface NodeWish {
  readonly text: string;
  readonly where: string;
}

export interface ChosenNode {
  /** `24` or an exact version: the front of an official image's tag. */
  readonly tag: string;
  /** Which versions will do, as a range of `semver`; null: nobody asked. */
  readonly range: string | null;
  readonly why: string;
  readonly warnings: readonly string[];
}

/** Long-term releases, the newest first. Odd ones end before a deployment does. */
const lines = ["24", "22", "20", "18", "16", "14", "12"] as const;
/** Those that still get security fixes (github.com/nodejs/Release). */
const maintained: readonly string[] = ["24", "22"];
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

/** The version that the source asks for. Wishes after the first are only compared with it. */
export function chooseNode(tree: Tree, packages: readonly NodePackage[]): ChosenNode {
  const read = wishesOf(tree, packages).map((wish) => ({ ...wish, range: rangeOf(wish.text) }));
  const met = read.flatMap((wish) => {
    const tag = wish.range === null ? null : tagOf(wish.range);
    return tag === null || wish.range === null ? [] : [{ ...wish, range: wish.range, tag }];
  });
  const unknown = read
    .filter((wish) => !met.some(({ where }) => where === wish.where))
    .map(({ where, text }) => `${where} asks for an unknown version of Node (${text}), so it is ignored`);
  const [first, ...others] = met;
  if (first === undefined) return { tag: lines[0], range: null, why: "the default version", warnings: unknown };
  const { tag, where, range } = first;
  const apart = others
    .filter((other) => !semver.intersects(other.range, tag))
    .map((other) => `${other.where} (${other.text}) excludes Node ${tag}, which ${where} asks for, so it is ignored`);
  const old = !maintained.some((kept) => tag === kept || tag.startsWith(`${kept}.`));
  const warning = `Node ${tag}, requested by ${where}, no longer gets security fixes`;
  return { tag, range, why: `requested by ${where}`, warnings: [...unknown, ...apart, ...(old ? [warning] : [])] };
}

/** The forms of nvm, nodenv, asdf, mise and Volta as a range of npm's; null: it is none. */
function rangeOf(given: string): string | null {
  const text = given.trim().toLowerCase();
  if (text.length > 200) return null;
  if (/^(?:node|latest|current|stable|lts(?:\/\*)?|\*)$/.test(text)) return "*";
  const back = /^lts\/-(\d)$/.exec(text)?.[1];
  const named = text.replace(/^(?:lts[/-]|prefix:)/, "");
  const line = back === undefined ? (Object.hasOwn(names, named) ? names[named] : undefined) : lines[Number(back)];
  return semver.validRange(line ?? named.replace(/^(?:node-?|v)(?=\d)/, ""), { loose: true });
}

/** The tag of the first line that can meet a range: `24`, or the version itself when it is exact. */
function tagOf(range: string): string | null {
  const exact = /^\d{1,2}\.\d{1,3}\.\d{1,3}$/.exec(range)?.[0];
  return exact ?? lines.find((line) => semver.intersects(range, line)) ?? null;
}

function wishesOf(tree: Tree, packages: readonly NodePackage[]): readonly NodeWish[] {
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
  return [...files, ...asdf(tree), ...mise(tree), ...asked];
}

/** `nodejs 22.11.0 system`, the first version counts (asdf-vm.com, "Configuration"). */
function asdf(tree: Tree): readonly NodeWish[] {
  const text = /^[ \t]*node(?:js)?[ \t]+([^\s#]+)/m.exec(tree.text(".tool-versions") ?? "")?.[1];
  return text === undefined ? [] : [{ text, where: ".tool-versions" }];
}

/** `node = "22"`, `["22", "20"]` or `{ version = "22" }` below `[tools]` (mise.jdx.dev, "Configuration"). */
function mise(tree: Tree): readonly NodeWish[] {
  for (const where of ["mise.toml", ".mise.toml", ".config/mise.toml", "mise/config.toml"]) {
    const table = tree.has(where) ? tree.toml(where) : null;
    for (const key of ["tools.node", "tools.nodejs"]) {
      const text = textMember(table, key) ?? textMember(table, `${key}.version`) ?? textsOf(member(table, key))[0];
      if (text !== undefined) return [{ text, where }];
    }
  }
  return [];
}
