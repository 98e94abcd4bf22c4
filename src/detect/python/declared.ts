import { asTable, directoryOf, join, type Mapping, member, namesOf, type Tree, textsOf, textTable } from "../tree.ts";
import { versionWishes, type Wishes } from "./wishes.ts";

/** `none`: there are no packages. */
export type Installer = "pip" | "poetry" | "uv" | "pipenv" | "pdm" | "pyproject" | "setup" | "none";

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
  /** Why the source itself is installed, so that it must exist first; null if it is not. */
  readonly local: string | null;
  /** Whether it is the top of a workspace of uv. */
  readonly workspace: boolean;
  /** Commands that the project defines: `[project.scripts]`. */
  readonly scripts: ReadonlyMap<string, string>;
  readonly python: Wishes;
}

/** Requirement files in the order in which they are searched for: one for production goes before one for all. */
export const requirementFiles = [
  "requirements/production.txt",
  "requirements/prod.txt",
  "requirements-prod.txt",
  "requirements.txt",
  "requirements/base.txt",
  "requirements/main.txt",
  "requirements/common.txt",
  "requirements/requirements.txt",
];

/** What the top of a source declares, or null without a Python project. */
export function declaredBy(tree: Tree): Declared | null {
  const pyproject = tree.toml("pyproject.toml");
  const found = byLock(tree, pyproject) ?? byRequirements(tree) ?? byPyproject(pyproject) ?? bySetup(tree);
  if (found === null) return null;
  const scripts = textTable(member(pyproject, "project.scripts") ?? member(pyproject, "tool.poetry.scripts"));
  const workspace = found.installer === "uv" && isWorkspace(pyproject);
  return { ...found, workspace, scripts, python: versionWishes(tree, pyproject) };
}

/** A source without packages, whose files import nothing but what Python has; `file` is what runs. */
export function declaredNothing(tree: Tree, file: string): Declared {
  const pyproject = tree.toml("pyproject.toml");
  return {
    ...requirements([]),
    installer: "none",
    file,
    files: [],
    locked: false,
    local: null,
    workspace: false,
    scripts: new Map(),
    python: versionWishes(tree, pyproject),
  };
}

type Without = Omit<Declared, "python" | "scripts" | "workspace">;

function byLock(tree: Tree, pyproject: Mapping | null): Without | null {
  for (const tool of ["poetry", "uv", "pdm"] as const) {
    if (member(pyproject, `tool.${tool}`) !== undefined || (pyproject !== null && tree.has(`${tool}.lock`)))
      return fromPyproject(tree, pyproject, tool);
  }
  const pipfile = tree.toml("Pipfile");
  if (pipfile === null) return null;
  const lock = tree.has("Pipfile.lock");
  return {
    ...requirements(namesOf(pipfile.get("packages"))),
    installer: "pipenv",
    file: "Pipfile",
    files: ["Pipfile", ...(lock ? ["Pipfile.lock"] : [])],
    locked: lock,
    local: localIn(pipfile.get("packages")),
  };
}

function fromPyproject(tree: Tree, pyproject: Mapping | null, installer: "poetry" | "uv" | "pdm"): Without {
  const lock = `${installer}.lock`;
  const locked = tree.has(lock);
  const poetry = member(pyproject, "tool.poetry.dependencies");
  const workspace = installer === "uv" && isWorkspace(pyproject);
  const lines = [pyproject, ...(workspace ? membersOf(tree) : [])].flatMap(dependencyLines);
  return {
    ...requirements([...lines, ...namesOf(poetry).filter((name) => name !== "python")]),
    installer,
    file: "pyproject.toml",
    files: ["pyproject.toml", ...(locked ? [lock] : [])],
    locked,
    local: workspace
      ? "the members of a workspace are installed"
      : (localIn(poetry) ?? localIn(member(pyproject, "tool.uv.sources")) ?? localLine(lines)),
  };
}

function isWorkspace(pyproject: Mapping | null): boolean {
  return member(pyproject, "tool.uv.workspace") !== undefined;
}

function dependencyLines(pyproject: Mapping | null): readonly string[] {
  return textsOf(member(pyproject, "project.dependencies"));
}

/** What the members of a workspace declare, at most a hundred of them. */
function membersOf(tree: Tree): readonly (Mapping | null)[] {
  return tree
    .sources(/\/pyproject\.toml$/)
    .slice(0, 100)
    .map((file) => tree.toml(file));
}

const directoryInstalled = "a requirement is a directory of the source";

/** Whether a table of packages has one with `path` or `workspace`. */
function localIn(packages: unknown): string | null {
  const tables = [...(asTable(packages)?.values() ?? [])].map(asTable);
  return tables.some((table) => table?.has("path") || table?.has("workspace")) ? directoryInstalled : null;
}

function localLine(lines: readonly string[]): string | null {
  return lines.some((line) => /^(?:-e\s|--editable|\.|file:)|\s@\s*file:/.test(line)) ? directoryInstalled : null;
}

function byPyproject(pyproject: Mapping | null): Without | null {
  if (pyproject === null || !Array.isArray(member(pyproject, "project.dependencies"))) return null;
  const lines = dependencyLines(pyproject);
  const files = ["pyproject.toml"];
  return {
    ...requirements(lines),
    installer: "pyproject",
    file: "pyproject.toml",
    files,
    locked: false,
    local: localLine(lines),
  };
}

/** `install_requires` of setuptools, which only installing the project can read for certain. */
function bySetup(tree: Tree): Without | null {
  const file = tree.first(["setup.py", "setup.cfg"]);
  if (file === null) return null;
  const listed =
    /^install_requires\s*=((?:.*\n(?:[ \t]+.*\n?|\n)*))/m.exec(`${tree.text("setup.cfg") ?? ""}\n`)?.[1] ?? "";
  const called = /\binstall_requires\s*=\s*\[([^\]]{0,20000})\]/.exec(tree.text("setup.py") ?? "")?.[1] ?? "";
  const quoted = [...called.matchAll(/["']([^"'\n]{1,200})["']/g)].map(([, line]) => line ?? "");
  const packages = requirements([...listed.split("\n"), ...quoted]);
  const named = listed === "" ? file : "setup.cfg";
  const local = `${named} declares the packages, and is read by installing the project`;
  return { ...packages, installer: "setup", file: named, files: [named], locked: false, local };
}

function byRequirements(tree: Tree): Without | null {
  const file = tree.first(requirementFiles);
  if (file === null) return null;
  const files = new Map<string, string>();
  collect(tree, file, files);
  const lines = [...files.values()].flatMap((text) => text.split(/\r?\n/).map((line) => withoutComment(line).trim()));
  const local = localLine(lines);
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
