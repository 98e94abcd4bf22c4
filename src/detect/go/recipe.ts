import { defaultPort, shell } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, MachineNeed, Recipe, ServiceIdea, Unrecognised } from "../recipe.ts";
import { directoryOf, join, type Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import type { ChosenVersion } from "../version-line.ts";
import { listensBy } from "./listens.ts";
import { type Chosen, chooseProgram, type GoProgram, goPrograms, withPath } from "./mains.ts";
import { type GoModule, goFile, goModules, replacements } from "./modules.ts";
import { type Native, nativeOf } from "./native.ts";
import { goReady } from "./ready.ts";
import { demandedByGo } from "./required.ts";
import { chooseGo } from "./version.ts";

export const go: LanguageReader = {
  language: "go",
  files: ["go.mod", "go.work"],
  recognise,
  meaning: (command, tree) => withPath(command, goPrograms(tree, goModules(tree))),
};

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const modules = goModules(tree);
  const [first] = modules;
  if (first === undefined)
    return { lookedFor: ["Go: go.mod with a line module, or go.work that uses directories with one"] };
  const chosen = chooseProgram(tree, goPrograms(tree, modules), first.path);
  if (chosen === null) {
    return {
      lookedFor: [
        "Go: a directory with package main, or one of several that serves HTTP, is named like the module, server, web, api or app, or is started by a Procfile",
      ],
    };
  }
  return goRecipe(tree, { modules, chosen }, build);
}

interface GoApp {
  readonly modules: readonly GoModule[];
  readonly chosen: Chosen;
}

function goRecipe(tree: Tree, { modules, chosen }: GoApp, build: BuildChoice): Recipe {
  const { main, started, left, all: programs } = chosen;
  const mods = modules.map(({ directory }) => join(directory, "go.mod"));
  const version = chooseGo(tree, [...(tree.has("go.work") ? ["go.work"] : []), ...mods]);
  const required = mods.map((file) => goFile(tree, file)).join("\n");
  const native = nativeOf(
    programs.flatMap(({ code }) => [...code.values()]),
    required,
  );
  // Other modules of the source are needed to find out what to download.
  const alone = !tree.hasDirectory("vendor") && !tree.has("go.work") && replacements(required).length === 0;
  const install = alone ? ["go mod download"] : [];
  const compile = buildCommands(programs, native !== null);
  const services = servicesOf(chosen);
  return twoStages(build, {
    language: "go",
    summary: `Go ${version.tag}${main.directory === "" ? "" : `, ${main.directory}`}`,
    images: {
      build: `golang:${version.tag}-bookworm`,
      run: "debian:bookworm-slim",
      why: `Go ${version.tag}: ${version.why}`,
    },
    packages: { build: native?.build ?? [], run: native?.run ?? [] },
    tools: [],
    declares: alone ? ["go.mod", ...(tree.has("go.sum") ? ["go.sum"] : [])] : [],
    install,
    compile,
    takes: [
      ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt"],
      ["/usr/share/zoneinfo", "/usr/share/zoneinfo"],
      ["/app", "/app"],
    ],
    env: {},
    runEnv: {},
    because: `The program of ${main.directory === "" ? "the module" : main.directory}.`,
    services,
    variables: demandedByGo([main, ...started]),
    build: oneCommand({ install: [], compile }),
    needs: needsOf(version, native),
    warnings: [
      ...version.warnings,
      ...replacements(required)
        .filter((one) => one.startsWith(".."))
        .filter((one) => !tree.has("go.work") && modules.every(({ directory }) => directory === "") && one !== "..")
        .map((one) => `go.mod replaces a module by ${one}, which is not in the source: the build cannot find it`),
      ...fixedWarnings([main, ...started]),
      ...[main, ...started]
        .filter((one) => !one.serves && [...one.code.values()].some((text) => /\bgrpc\.NewServer\(/.test(text)))
        .map((one) => `${one.name} serves gRPC and no HTTP, so it gets no port and no requests from outside`),
      ...embedWarnings(tree, programs),
      ...leftWarnings(left),
    ],
  });
}

/** All programs into bin/: at once where Go's own names will do. */
function buildCommands(programs: readonly GoProgram[], isC: boolean): readonly string[] {
  const target = ({ directory }: GoProgram) => (directory === "" ? "." : `./${directory}`);
  const command = `${isC ? "" : "CGO_ENABLED=0 "}go build -trimpath -o bin/`;
  const renamed = programs.filter(
    ({ directory, name }) => directory.includes("/") && name === directory.replaceAll("/", "-"),
  );
  const usual = programs.filter((one) => !renamed.includes(one));
  return [
    ...(usual.length === 0 ? [] : [`${command} ${usual.map(target).join(" ")}`]),
    ...renamed.map((one) => `${command}${one.name} ${target(one)}`),
  ];
}

/** Several that serve are named after their programs. */
function servicesOf({ main, started }: Chosen): readonly ServiceIdea[] {
  const isSeveral = started.some(({ serves, works }) => serves && !works);
  const name = isSeveral ? serviceName(main.name) : main.serves && !main.works ? "web" : "worker";
  const all = new Map<string, ServiceIdea>([[name, serviceOf(main, name)]]);
  for (const one of started) {
    const own = serviceName(one.name);
    if (!all.has(own)) all.set(own, serviceOf(one, own));
  }
  return [...all.values()];
}

function serviceName(program: string): string {
  const name = program
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "");
  return name.slice(0, 40).replace(/-+$/, "") || "web";
}

function serviceOf(program: GoProgram, name: string): ServiceIdea {
  const file = `bin/${program.name}`;
  const plain = { name, release: null, single: program.single };
  if (!program.serves || program.works) return { ...plain, run: [file], port: null, ready: null };
  const { sub, before, after, fixed } = listensBy(program);
  const line = [before === "" ? "" : `${before} exec`, file, sub, after].filter((part) => part !== "").join(" ");
  const run = before !== "" ? ["sh", "-c", line] : after !== "" ? shell(line) : line.split(" ");
  return { ...plain, run, port: fixed ?? defaultPort, ready: goReady(program) };
}

function fixedWarnings(programs: readonly GoProgram[]): readonly string[] {
  return programs
    .filter(({ serves, works }) => serves && !works)
    .flatMap((program) => {
      const { fixed } = listensBy(program);
      const where = program.directory === "" ? "the program" : program.directory;
      return fixed === null
        ? []
        : [
            `${where} listens on port ${fixed} whatever PORT says, so plain processes cannot run it: write ":"+os.Getenv("PORT")`,
          ];
    });
}

/** What `//go:embed` names and the source does not have stops the build. */
function embedWarnings(tree: Tree, programs: readonly GoProgram[]): readonly string[] {
  const files = new Set(programs.flatMap(({ code }) => [...code.keys()]));
  return [...files].flatMap((file) =>
    [...(tree.text(file) ?? "").matchAll(/^\/\/go:embed[ \t]+([^\n]{1,500})/gm)]
      .flatMap(([, words = ""]) => words.trim().split(/\s+/))
      .map((word) => join(directoryOf(file), word.replace(/["`]/g, "").replace(/^all:/, "")))
      .filter((path) => !hasPath(tree, path.replace(/\/?[^/]*[*?[].*$/, "")))
      .map((path) => `${file} embeds ${path}, which is not in the source: commit it, or make it in \`build.command\``),
  );
}

function hasPath(tree: Tree, path: string): boolean {
  return path === "" || tree.has(path) || tree.hasDirectory(path);
}

function leftWarnings(left: readonly GoProgram[]): readonly string[] {
  if (left.length === 0) return [];
  const names = left.map(({ directory }) => directory || "the program at the top").join(", ");
  const how = `a service with \`run: bin/${left[0]?.name}\` starts it, or a \`release\` command`;
  return [`${names} ${left.length > 1 ? "are programs" : "is a program"} too, built into bin/ and not started: ${how}`];
}

function needsOf(version: ChosenVersion, native: Native | null): readonly MachineNeed[] {
  const own: MachineNeed = {
    program: "go",
    version: { range: version.range ?? ">=1.18", printedBy: ["go", "version"] },
    why: version.range === null ? "go.mod" : version.why.replace(/^requested by /, ""),
    install: "apt-get install golang-go, or https://go.dev/dl for a newer one",
  };
  return [own, ...(native === null ? [] : [native.need])];
}
