import { directoryOf, join, type Mapping, member, namesOf, type Tree, textsOf } from "../tree.ts";
import { versionWishes, type Wishes } from "./wishes.ts";

export type Installer = "pip" | "poetry" | "uv" | "pipenv" | "pyproject";

/** What a Python project declares: the installer and the packages. */
export interface Declared {
  readonly installer: Installer;
  /** The file that declares packages. */
  readonly file: string;
  /** Files that decide what is installed. */
  readonly files: readonly string[];
  readonly locked: boolean;
  /** Names as PyPI normalises them (PEP 503). */
  readonly packages: ReadonlySet<string>;
  /** Extras of packages: `fastapi[standard]` by the name `fastapi`. */
  readonly extras: ReadonlyMap<string, readonly string[]>;
  /** The project itself is one of the packages, so its source must exist first. */
  readonly local: boolean;
  readonly python: Wishes;
}

/** Requirement files in the order in which they are searched for: one for production goes before one for all. */
export const requirementFiles = [
  "requirements/production.txt",
  "requirements/prod.txt",
  "requirements-prod.txt",
  "requirements.txt",
  "requirements/base.txt",
];

/** What the top of a source declares, or null without a Python project. */
export function declaredBy(tree: Tree): Declared | null {
  const pyproject = tree.toml("pyproject.toml");
  const found = byLock(tree, pyproject) ?? byRequirements(tree) ?? byPyproject(pyproject);
  return found && { ...found, python: versionWishes(tree, pyproject) };
}

type Without = Omit<Declared, "python">;

function byLock(tree: Tree, pyproject: Mapping | null): Without | null {
  const poetry = member(pyproject, "tool.poetry") !== undefined;
  if (poetry || (pyproject !== null && tree.has("poetry.lock"))) return fromPyproject(tree, pyproject, "poetry");
  if (pyproject !== null && (tree.has("uv.lock") || member(pyproject, "tool.uv") !== undefined))
    return fromPyproject(tree, pyproject, "uv");
  const pipfile = tree.toml("Pipfile");
  if (pipfile === null) return null;
  const lock = tree.has("Pipfile.lock");
  return {
    ...requirements(namesOf(pipfile.get("packages"))),
    installer: "pipenv",
    file: "Pipfile",
    files: ["Pipfile", ...(lock ? ["Pipfile.lock"] : [])],
    locked: lock,
    local: false,
  };
}

function fromPyproject(tree: Tree, pyproject: Mapping | null, installer: "poetry" | "uv"): Without {
  const lock = `${installer}.lock`;
  const locked = tree.has(lock);
  const poetry = namesOf(member(pyproject, "tool.poetry.dependencies")).filter((name) => name !== "python");
  return {
    ...requirements([...textsOf(member(pyproject, "project.dependencies")), ...poetry]),
    installer,
    file: "pyproject.toml",
    files: ["pyproject.toml", ...(locked ? [lock] : [])],
    locked,
    local: false,
  };
}

function byPyproject(pyproject: Mapping | null): Without | null {
  if (pyproject === null || !Array.isArray(member(pyproject, "project.dependencies"))) return null;
  const found = requirements(textsOf(member(pyproject, "project.dependencies")));
  return {
    ...found,
    installer: "pyproject",
    file: "pyproject.toml",
    files: ["pyproject.toml"],
    locked: false,
    local: false,
  };
}

function byRequirements(tree: Tree): Without | null {
  const file = tree.first(requirementFiles);
  if (file === null) return null;
  const files = new Map<string, string>();
  collect(tree, file, files);
  const lines = [...files.values()].flatMap((text) => text.split(/\r?\n/).map((line) => withoutComment(line).trim()));
  const local = lines.some((line) => /^(?:-e\s|--editable|\.|file:)/.test(line));
  return { ...requirements(lines), installer: "pip", file, files: [...files.keys()], locked: false, local };
}

/** A comment begins with the line or after white space (pip's requirements file format). */
function withoutComment(line: string): string {
  const from = line.search(/(?:^|\s)#/);
  return from < 0 ? line : line.slice(0, from);
}

/** A requirements file with the files that it names, at most twenty. */
function collect(tree: Tree, file: string, into: Map<string, string>): void {
  const text = tree.text(file);
  if (text === null || into.has(file) || into.size >= 20) return;
  into.set(file, text);
  for (const found of text.matchAll(
    /^[ \t]*(?:-r|-c|--requirement|--constraint)[ \t=]+([\w@+./-]{1,200})[ \t]*(?:#.*)?$/gm,
  )) {
    const named = inDirectory(directoryOf(file), found[1] ?? "");
    if (named !== null) collect(tree, named, into);
  }
}

/** `../base.txt` seen from a directory, or null outside the source. */
function inDirectory(directory: string, path: string): string | null {
  const parts = directory === "" ? [] : directory.split("/");
  for (const part of path.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return null;
    } else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.reduce(join, "");
}

/** Names and extras of requirement lines (PEP 508); options and addresses have none. */
function requirements(lines: readonly string[]): Pick<Declared, "packages" | "extras"> {
  const packages = new Set<string>();
  const extras = new Map<string, readonly string[]>();
  for (const line of lines.slice(0, 5_000)) {
    const found = /^([A-Za-z0-9][\w.-]{0,120})\s{0,3}(?:\[([\w\s,.-]{0,200})\])?/.exec(line.trim());
    const egg = /[#&]egg=([\w.-]{1,120})/.exec(line);
    const name = egg?.[1] ?? (found && !/^[\w+.-]+:\/\//.test(line) ? found[1] : undefined);
    if (name === undefined) continue;
    packages.add(normalised(name));
    if (found?.[2])
      extras.set(
        normalised(name),
        found[2].split(",").map((extra) => normalised(extra.trim())),
      );
  }
  return { packages, extras };
}

/** PEP 503. */
export function normalised(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}
