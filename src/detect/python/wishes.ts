import { asTable, type Mapping, member, type Tree, textMember, textsOf } from "../tree.ts";

/** What a file asks for. */
export interface VersionWish {
  /** As it stands in the file. */
  readonly text: string;
  /** The file and key. */
  readonly where: string;
  /** PEP 440: any of these. */
  readonly ranges: readonly string[];
}

export interface Wishes {
  /** The most specific first. */
  readonly wishes: readonly VersionWish[];
  /** What was read and names no version that can be used. */
  readonly unused: readonly string[];
}

type Reading = VersionWish | { readonly unused: string } | null;

const textLimit = 200;

/** Every file that says which Python a source wants: pins first, then ranges. */
export function versionWishes(tree: Tree, pyproject: Mapping | null): Wishes {
  const pipfile = tree.toml("Pipfile");
  const poetry = member(pyproject, "tool.poetry.dependencies.python");
  const poetryText = typeof poetry === "string" ? poetry : textMember(asTable(poetry), "version");
  const found: readonly Reading[] = [
    firstPin(linesOf(tree, ".python-version"), ".python-version"),
    firstPin(toolVersions(tree), ".tool-versions"),
    mise(tree),
    firstPin(
      linesOf(tree, "runtime.txt").map((line) => line.replace(/^python-/i, "")),
      "runtime.txt",
    ),
    pinWish(textMember(pipfile, "requires.python_full_version"), "python_full_version of Pipfile"),
    pinWish(textMember(pipfile, "requires.python_version"), "python_version of Pipfile"),
    rangeWish(textMember(pyproject, "project.requires-python"), "requires-python of pyproject.toml"),
    poetryText === null ? null : wishOf(poetryText, "python of pyproject.toml", poetryRanges(poetryText)),
    rangeWish(setupCfg(tree), "python_requires of setup.cfg"),
    rangeWish(setupPy(tree), "python_requires of setup.py"),
  ];
  return {
    wishes: found.filter((one): one is VersionWish => one !== null && "ranges" in one),
    unused: found.flatMap((one) => (one !== null && "unused" in one ? [one.unused] : [])),
  };
}

/** Lines without comments. */
function linesOf(tree: Tree, file: string): readonly string[] {
  const text = tree.text(file)?.slice(0, 4_096) ?? "";
  return text.split(/\r?\n/).flatMap((line) => {
    const words = line.replace(/#.*/, "").trim();
    return words === "" ? [] : [words];
  });
}

/** `python 3.12.1 3.11.4` of asdf: the first that can be used. */
function toolVersions(tree: Tree): readonly string[] {
  const [, ...versions] =
    linesOf(tree, ".tool-versions")
      .find((line) => /^python\s/.test(line))
      ?.split(/\s+/) ?? [];
  return versions;
}

function mise(tree: Tree): Reading {
  const file = tree.first(["mise.toml", ".mise.toml", "mise/config.toml", ".config/mise.toml"]);
  const python = member(file === null ? null : tree.toml(file), "tools.python");
  const texts = typeof python === "string" ? [python] : textsOf(python);
  const version = textMember(asTable(python), "version");
  return firstPin(version === null ? texts : [version], `tools.python of ${file}`);
}

/** pyenv, uv, asdf and mise take a list, of which the first line is the Python of the project. */
function firstPin(versions: readonly string[], where: string): Reading {
  const usable = versions.map((version) => pinWish(version, where)).find((wish) => wish !== null && "ranges" in wish);
  const [first] = versions;
  return usable ?? (first === undefined || /^(?:system|latest)$/.test(first) ? null : pinWish(first, where));
}

/**
 * `3.12`, `3.12.1`, `3.15.0a1`, `3.13t`, `3.15-dev`, `cpython-3.12.1-linux-x86_64-gnu`, `latest:3.12`, and the ranges
 * that uv allows. Other implementations and names of virtual environments cannot be used.
 */
function pinWish(text: string | null, where: string): Reading {
  if (text === null || text.trim() === "*") return null;
  if (/^[<>=!~]/.test(text)) return rangeWish(text, where);
  const plain =
    /^(?:cpython[-@]?|python-?|latest:|prefix:)?(\d+(?:\.\d+){0,2}(?:(?:a|b|rc)\d+)?)(?:t|-dev|:latest|\.\*|[-+][\w.-]+)?$/i.exec(
      text.trim(),
    )?.[1];
  if (plain === undefined) return wishOf(text, where, []);
  const whole = plain.split(".").length > 2 || /[a-z]/i.test(plain);
  return wishOf(text, where, [whole ? `==${plain}` : `==${plain}.*`]);
}

function rangeWish(text: string | null, where: string): Reading {
  return text === null || text.trim() === "" ? null : wishOf(text, where, [pep440(text)]);
}

function wishOf(text: string, where: string, ranges: readonly string[]): Reading {
  if (text.length > textLimit || ranges.length === 0)
    return { unused: `${where} names no version of CPython (${text.slice(0, 60)}), so it is ignored` };
  return { text: text.trim(), where, ranges };
}

/** A comma at the end means nothing (packaging's SpecifierSet). */
function pep440(range: string): string {
  return range
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .join(",");
}

/**
 * Poetry's own grammar in PEP 440 (python-poetry.org, "Dependency specification"): `^3.11`, `~3.11`, `3.11.*`, `3.11`
 * for exactly 3.11.0, spaces for commas, `||` between alternatives.
 */
function poetryRanges(text: string): readonly string[] {
  return text
    .slice(0, textLimit)
    .split(/\|\|?/)
    .map((one) => one.replace(/([<>=!~^]=?)\s+/g, "$1").trim())
    .map((one) =>
      one
        .split(/[\s,]+/)
        .map(poetryComparator)
        .filter(Boolean)
        .join(","),
    );
}

function poetryComparator(text: string): string {
  if (text === "*" || text === "") return "";
  const [, sign = "", version = ""] = /^(\^|~(?!=))\s*(\d+(?:\.\d+)*)$/.exec(text) ?? [];
  if (sign === "") return /^\d/.test(text) ? `==${text}` : text.replace(/^=(?!=)/, "==");
  const [major = 0, minor] = version.split(".").map(Number);
  const next = sign === "^" || minor === undefined ? `${major + 1}` : `${major}.${minor + 1}`;
  return `>=${version},<${next}`;
}

function setupCfg(tree: Tree): string | null {
  return /^python_requires\s*=\s*(\S.*)$/m.exec(tree.text("setup.cfg") ?? "")?.[1]?.trim() ?? null;
}

function setupPy(tree: Tree): string | null {
  return /^[^#\n]*\bpython_requires\s*=\s*["']([^"'\n]{1,200})["']/m.exec(tree.text("setup.py") ?? "")?.[1] ?? null;
}
