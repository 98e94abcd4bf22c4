import picomatch from "picomatch";
import { isPlainPath } from "../dockerfile.ts";
import { readProcfile } from "../procfile.ts";
import {
  asTable,
  baseName,
  directoryOf,
  join,
  type Mapping,
  member,
  namesOf,
  type Tree,
  textMember,
  textsOf,
} from "../tree.ts";

const frameworks = [
  "axum",
  "actix-web",
  "rocket",
  "warp",
  "poem",
  "salvo",
  "tide",
  "loco-rs",
  "rouille",
  "tiny_http",
  "hyper",
];
/** Names of a program that serves, where several do, and of those that run all the time without serving. */
const serving = ["server", "web", "api", "app", "http", "main"];
const working = /(?:^|[-_])(?:worker|consumer|processor|subscriber|daemon|bot|scheduler|cron)s?$/;

/** A program of a crate. */
export interface RustProgram {
  readonly name: string;
  /** The directory of its crate; empty at the top. */
  readonly directory: string;
  readonly crate: Mapping;
  /** What the crate serves HTTP with, as its dependencies say; null: nothing known. */
  readonly framework: string | null;
  readonly works: boolean;
}

export interface RustChoice {
  readonly main: RustProgram;
  /** Others that are started too. */
  readonly started: readonly RustProgram[];
  readonly left: readonly RustProgram[];
}

/** The programs of a source; a workspace has those of its default members, or of all (doc.rust-lang.org, "Workspaces"). */
function programsOf(tree: Tree, top: Mapping): readonly RustProgram[] {
  const found = cratesOf(tree, top).flatMap(({ directory, crate }) => {
    const dependencies = new Set(namesOf(member(crate, "dependencies")));
    const framework = frameworks.find((name) => dependencies.has(name)) ?? null;
    return binsOf(tree, directory, crate).map((name) => ({
      name,
      directory,
      crate,
      framework,
      works: working.test(name),
    }));
  });
  return found.filter(({ name }) => /^[\w-]{1,64}$/.test(name)).slice(0, 50);
}

function cratesOf(tree: Tree, top: Mapping): readonly { readonly directory: string; readonly crate: Mapping }[] {
  const own = member(top, "package") === undefined ? [] : [{ directory: "", crate: top }];
  if (member(top, "workspace") === undefined) return own;
  const listed = textsOf(member(top, "workspace.default-members"));
  const globs = (listed.length > 0 ? listed : textsOf(member(top, "workspace.members"))).map((one) =>
    one.replace(/^\.\//, ""),
  );
  const excluded = textsOf(member(top, "workspace.exclude"));
  const short = (patterns: readonly string[]) => patterns.slice(0, 100).filter((one) => one.length <= 300);
  const isMember = picomatch([...short(globs)], {
    ignore: [...short(excluded)],
    nonegate: true,
    strictBrackets: false,
  });
  const directories = [...tree.paths]
    .filter((path) => path.endsWith("/Cargo.toml"))
    .map(directoryOf)
    .filter((directory) => isPlainPath(directory) && isMember(directory))
    .sort();
  const members = directories.slice(0, 100).flatMap((directory) => {
    const crate = tree.toml(join(directory, "Cargo.toml"));
    return crate === null ? [] : [{ directory, crate }];
  });
  return listed.length > 0 && !listed.includes(".") ? members : [...own, ...members];
}

/** `[[bin]]`, `src/main.rs`, and files of `src/bin` (doc.rust-lang.org, "Cargo Targets"); the one to run first. */
function binsOf(tree: Tree, directory: string, crate: Mapping): readonly string[] {
  const bins = member(crate, "bin");
  const written = (Array.isArray(bins) ? bins : []).map(asTable);
  const named = written.flatMap((one) => textMember(one, "name") ?? []);
  const paths = new Set(written.map((one) => textMember(one, "path")));
  const name = textMember(crate, "package.name");
  const discovers = member(crate, "package.autobins") !== false;
  const isMain = discovers && tree.has(join(directory, "src/main.rs")) && !paths.has("src/main.rs");
  const files = join(directory, "src/bin/");
  const others = [...tree.paths]
    .filter((path) => discovers && path.startsWith(files))
    .map((path) => path.slice(files.length))
    .filter((path) => /^[\w-]+(?:\.rs|\/main\.rs)$/.test(path) && !paths.has(`src/bin/${path}`))
    .map((path) => path.replace(/(?:\/main)?\.rs$/, ""));
  const first = textMember(crate, "package.default-run");
  const all = [...(isMain && name !== null ? [name] : []), ...named, ...others.sort()];
  return [...new Set(first !== null && all.includes(first) ? [first, ...all] : all)];
}

/** The program that is the app; null: there is none, or nothing tells several apart. */
export function chooseRust(tree: Tree, top: Mapping): RustChoice | null {
  const programs = programsOf(tree, top);
  const procfile = readProcfile(tree);
  const startedBy = (command: readonly string[] | undefined) => {
    const words = command?.join(" ").split(/\s+/).map(baseName) ?? [];
    return programs.find(({ name }) => words.includes(name));
  };
  const preferred = textMember(top, "package.default-run") ?? textMember(top, "package.name");
  const able = programs.filter(({ framework, works }) => framework !== null && !works);
  const some = able.length > 0 ? able : programs;
  const named = [preferred, ...serving].map((name) => some.find((one) => one.name === name));
  // The program named like its crate, or its `default-run`, is the first of each crate.
  const crates = new Set(some.map(({ directory }) => directory));
  const main =
    startedBy(procfile.get("web")) ??
    (some.length === 1 ? some[0] : named.find((one) => one !== undefined)) ??
    (crates.size === 1 && isFirst(some[0])
      ? some[0]
      : able.length > 0 && crates.size === able.length
        ? able[0]
        : undefined);
  if (main === undefined) return null;
  const rest = programs.filter((one) => one !== main);
  const isOther = (one: RustProgram) =>
    one.works || (one.framework !== null && one.directory !== main.directory && isFirst(one));
  const started = procfile.size > 0 ? [] : rest.filter(isOther);
  const byProcfile = [...procfile.values()].map(startedBy);
  return { main, started, left: rest.filter((one) => !started.includes(one) && !byProcfile.includes(one)) };
}

function isFirst(program: RustProgram | undefined): boolean {
  if (program === undefined) return false;
  return [textMember(program.crate, "package.default-run"), textMember(program.crate, "package.name")].includes(
    program.name,
  );
}
