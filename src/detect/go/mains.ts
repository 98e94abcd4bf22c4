import { withoutComments } from "../code.ts";
import { isPlainPath } from "../dockerfile.ts";
import { readProcfile } from "../procfile.ts";
import { baseName, directoryOf, join, type Tree } from "../tree.ts";
import { isBuilt } from "./constraint.ts";
import type { GoModule } from "./modules.ts";

/** Names of a program that serves, where several do. */
const serving = ["server", "web", "api", "app", "http", "main"];
/** Names of programs that run all the time without serving; those of the second kind once. */
const working =
  /(?:^|[-_])(?:worker|consumer|processor|subscriber|dispatcher|poller|daemon|bot|scheduler|cron|clock)s?$/;
const once = /(?:bot|scheduler|cron|clock)s?$/;
/** Directories of programs that are no part of the app; `_` and a dot in front make Go skip one as well. */
const aside = /(?:^|\/)(?:vendor|testdata|tests?|examples?|docs?|tools?|scripts?|hack|mocks?|fakes?|[._][^/]*)(?:\/|$)/;

const serves =
  /\bListenAndServe(?:TLS)?\(|\bhttp\.Serve\(|"(?:github\.com\/(?:gin-gonic\/gin|labstack\/echo|gofiber\/fiber|beego\/beego|kataras\/iris|cloudwego\/hertz)|gofr\.dev)\b/;

export interface GoProgram {
  readonly directory: string;
  /** Its file in bin/. */
  readonly name: string;
  /** The texts of all its packages in the source, without comments, its own first, by path. */
  readonly code: ReadonlyMap<string, string>;
  readonly serves: boolean;
  readonly works: boolean;
  /** Whether a second instance would do everything twice. */
  readonly single: boolean;
}

/** The programs of the modules: directories with `package main` and `func main()`, in the order of their paths. */
export function goPrograms(tree: Tree, modules: readonly GoModule[]): readonly GoProgram[] {
  const packages = packagesOf(tree);
  const mains = [...packages].filter(
    ([directory, files]) =>
      !aside.test(directory) &&
      (directory === "" || isPlainPath(directory)) &&
      moduleOf(directory, modules) !== undefined &&
      isMain([...files.values()]),
  );
  const named = mains.map(([directory]) => ({ directory, short: shortName(directory, modules) }));
  return named.slice(0, 50).map(({ directory, short }) => {
    const isAlone = named.filter((one) => one.short === short).length === 1;
    const name = isAlone || directory === "" ? short : directory.replaceAll("/", "-");
    const code = reachable(directory, packages, modules);
    const hasHttp = [...code.values()].some((text) => serves.test(text));
    // The only program of a source is what it does, whatever it is called.
    const works = named.length > 1 && working.test(name);
    return {
      directory,
      name,
      code,
      serves: hasHttp,
      works,
      single: once.test(name) && (works || !hasHttp),
    };
  });
}

type Packages = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** The files of each directory that Go builds, without comments. */
function packagesOf(tree: Tree): Packages {
  const packages = new Map<string, Map<string, string>>();
  const paths = [...tree.paths].filter((path) => path.endsWith(".go") && !/(?:^|\/)(?:vendor|testdata)\//.test(path));
  for (const path of paths.sort().slice(0, 3_000)) {
    const text = tree.text(path) ?? "";
    if (!isBuilt(path, text)) continue;
    const files = packages.get(directoryOf(path)) ?? new Map<string, string>();
    packages.set(directoryOf(path), files.set(path, withoutComments(text)));
  }
  return packages;
}

function isMain(texts: readonly string[]): boolean {
  return (
    texts.some((text) => /^\s*package\s+main\b/m.test(text)) && texts.some((text) => /^func\s+main\(\)/m.test(text))
  );
}

/** The innermost module of a directory. */
function moduleOf(directory: string, modules: readonly GoModule[]): GoModule | undefined {
  return modules
    .filter((one) => one.directory === "" || directory === one.directory || directory.startsWith(`${one.directory}/`))
    .sort((a, b) => b.directory.length - a.directory.length)[0];
}

/** What `go build -o bin/` names it: the directory, or the module's last element without a major version. */
function shortName(directory: string, modules: readonly GoModule[]): string {
  const module = moduleOf(directory, modules);
  if (module?.directory !== directory) return baseName(directory);
  return baseName(module.path.replace(/\/v\d+$/, ""));
}

function reachable(from: string, packages: Packages, modules: readonly GoModule[]): ReadonlyMap<string, string> {
  const code = new Map<string, string>();
  const waiting = [from];
  const seen = new Set(waiting);
  for (let directory = waiting.shift(); directory !== undefined; directory = waiting.shift()) {
    for (const [path, text] of packages.get(directory) ?? []) {
      code.set(path, text);
      for (const next of importsOf(text, modules)) {
        if (!seen.has(next)) waiting.push(next);
        seen.add(next);
      }
    }
  }
  return code;
}

/** A text that is the path of a package of the source: an import, or as good as one. */
function importsOf(text: string, modules: readonly GoModule[]): readonly string[] {
  const quoted = [...text.matchAll(/"([\w./~-]{1,300})"/g)].map(([, path = ""]) => path);
  return quoted.flatMap((path) => {
    const module = modules.find((one) => path === one.path || path.startsWith(`${one.path}/`));
    return module === undefined ? [] : [join(module.directory, path.slice(module.path.length + 1)).replace(/\/$/, "")];
  });
}

export interface Chosen {
  readonly main: GoProgram;
  /** Others that are started too. */
  readonly started: readonly GoProgram[];
  /** Those that nothing starts. */
  readonly left: readonly GoProgram[];
  readonly all: readonly GoProgram[];
}

/**
 * The program that is the app, and those beside it: the one that the Procfile starts as `web`, otherwise one that
 * serves. Null: there are several, and nothing tells them apart.
 */
export function chooseProgram(tree: Tree, programs: readonly GoProgram[], module: string): Chosen | null {
  const procfile = readProcfile(tree);
  const listed = [...procfile].find(([name]) => name !== "release")?.[1];
  const named = (name: string) => programs.find((one) => one.name === name);
  const web = startedBy(procfile.get("web") ?? listed, programs);
  const able = programs.filter((one) => one.serves && !one.works);
  const some = able.length > 0 ? able : programs;
  const usual = [baseName(module), ...serving].map(named).find((one) => one !== undefined && some.includes(one));
  const main =
    web ?? (some.length === 1 ? some[0] : (some.find(({ directory }) => directory === "") ?? usual ?? able[0]));
  const workers = programs.filter(({ works }) => works);
  const first = main ?? workers[0];
  if (first === undefined) return null;
  const rest = programs.filter((one) => one !== first);
  const started = procfile.size > 0 ? [] : rest.filter((one) => one.works || one.serves);
  const byProcfile = [...procfile.values()].map((command) => startedBy(command, programs));
  const left = rest.filter((one) => !started.includes(one) && !byProcfile.includes(one));
  return { main: first, started, left, all: programs };
}

/** The program that a command starts: `bin/api`, `./bin/api`, `api`, in a shell too. */
function startedBy(command: readonly string[] | undefined, programs: readonly GoProgram[]): GoProgram | undefined {
  const words = command?.join(" ").split(/\s+/) ?? [];
  return programs.find(({ name }) => words.some((word) => word.replace(/^(?:\.\/)?(?:bin\/)?/, "") === name));
}

/** A command whose program is one of these, bare as Heroku finds it, with its path. */
export function withPath(command: readonly string[], programs: readonly GoProgram[]): readonly string[] {
  const [first = "", second = "", script = ""] = command;
  const isKnown = (word: string) => programs.some(({ name }) => name === word);
  if (first === "sh" && second === "-c")
    return [
      "sh",
      "-c",
      script.replace(/^(exec )?([\w-]+)/, (all, exec = "", word) => (isKnown(word) ? `${exec}bin/${word}` : all)),
    ];
  return isKnown(first) ? [`bin/${first}`, ...command.slice(1)] : command;
}
