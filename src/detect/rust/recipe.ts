import { withoutComments } from "../code.ts";
import { defaultPort } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import { readyPath } from "../ready.ts";
import type { BuildChoice, MachineNeed, Recipe, ServiceIdea, Unrecognised, VariableIdea } from "../recipe.ts";
import { toolWishes } from "../toolfile.ts";
import { join, type Mapping, member, namesOf, type Tree, textMember } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { chooseRust, type RustChoice, type RustProgram } from "./crates.ts";

export const rust: LanguageReader = { language: "rust", files: ["Cargo.toml"], recognise };

/** axum, actix-web, rocket and warp. */
const route =
  /(?:\.route\(\s*|#\[get\(\s*|warp::path!?\(\s*)"(\/?(?:api\/)?(?:health|healthz|health-?check|ready|readyz|livez)\/?)"/;
/** What puts a path in front of other routes. */
const nested = /\.nest\(|\bweb::scope\(|\.mount\(\s*"\/\w/;

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const cargo = tree.has("Cargo.toml") ? tree.toml("Cargo.toml") : null;
  const choice = cargo === null ? null : chooseRust(tree, cargo);
  if (cargo === null || choice === null) {
    return {
      lookedFor: [
        "Rust: Cargo.toml with one program, or one of several that serves HTTP, is `default-run`, is named like its crate, or is started by a Procfile",
      ],
    };
  }
  if (namesOf(member(choice.main.crate, "dependencies")).includes("shuttle-runtime"))
    return { lookedFor: [`Rust: ${choice.main.name} is started by shuttle_runtime, which runs only on Shuttle`] };
  return rustRecipe(tree, { cargo, choice }, build);
}

interface Source {
  readonly cargo: Mapping;
  readonly choice: RustChoice;
}

function rustRecipe(tree: Tree, { cargo, choice }: Source, build: BuildChoice): Recipe {
  const { main, started, left } = choice;
  const programs = [main, ...started, ...left];
  const locked = tree.has("Cargo.lock");
  const version = versionOf(tree, cargo, main);
  const compile = installCommands(programs, locked);
  const crates = new Set(programs.flatMap(({ crate }) => cratesIn(crate)));
  const lock = tree.text("Cargo.lock") ?? "";
  const uses = (name: string) => crates.has(name) || lock.includes(`name = "${name}"`);
  return twoStages(build, {
    language: "rust",
    summary: `Rust${main.framework === null ? "" : ` with ${main.framework}`}, ${main.name}`,
    images: {
      build: `rust:${version.tag ?? "1"}-bookworm`,
      run: "debian:bookworm-slim",
      why:
        version.tag === null ? "the newest Rust builds what older ones did" : `Rust ${version.tag}: ${version.where}`,
    },
    packages: {
      build: [
        ...(uses("prost-build") || uses("tonic-build") ? ["protobuf-compiler"] : []),
        ...(uses("cmake") ? ["cmake"] : []),
      ],
      run: ["ca-certificates", "libssl3", ...(uses("pq-sys") || crates.has("diesel") ? ["libpq5"] : [])],
    },
    tools: [],
    declares: [],
    install: [],
    compile,
    takes: null,
    env: {},
    runEnv: {},
    because: `The program ${main.name} of ${join(main.directory, "Cargo.toml")}.`,
    services: servicesOf(tree, choice),
    variables: requiredBy(tree, main),
    build: oneCommand({ install: [], compile }),
    needs: needsOf(version, uses),
    warnings: [
      "every change of the source compiles all crates again",
      ...(locked ? [] : ["there is no Cargo.lock, so every build may use other versions: commit it"]),
      ...[main, ...started].flatMap((program) => fixedWarning(tree, program)),
      ...(checksQueries(tree)
        ? ["sqlx checks queries against a database while it compiles: run cargo sqlx prepare and commit .sqlx"]
        : []),
      ...(left.length === 0
        ? []
        : [
            `${left.map(({ name }) => name).join(", ")} ${left.length > 1 ? "are programs" : "is a program"} too, built into bin/ and not started: a service with \`run: bin/${left[0]?.name}\` starts it, or a \`release\` command`,
          ]),
    ],
  });
}

/** What it was compiled from stays out of the artifact. */
function installCommands(programs: readonly RustProgram[], locked: boolean): readonly string[] {
  const directories = [...new Set(programs.map(({ directory }) => directory))];
  return directories.map((directory) => {
    const bins = programs.filter((one) => one.directory === directory).map(({ name }) => `--bin ${name}`);
    return `CARGO_TARGET_DIR="\${TMPDIR:-/tmp}/target" cargo install ${locked ? "--locked " : ""}--path ${directory || "."} --root . ${bins.join(" ")}`;
  });
}

function cratesIn(crate: Mapping): readonly string[] {
  return ["dependencies", "build-dependencies"].flatMap((key) => namesOf(member(crate, key)));
}

function servicesOf(tree: Tree, { main, started }: RustChoice): readonly ServiceIdea[] {
  const isSeveral = started.some(({ framework, works }) => framework !== null && !works);
  const first = isSeveral ? serviceName(main.name) : serves(main) ? "web" : "worker";
  const all = new Map([[first, serviceOf(tree, main, first)]]);
  for (const one of started) {
    const name = serviceName(one.name);
    if (!all.has(name)) all.set(name, serviceOf(tree, one, name));
  }
  return [...all.values()];
}

function serves({ framework, works }: RustProgram): boolean {
  return framework !== null && !works;
}

function serviceName(program: string): string {
  const name = program
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "");
  return name.slice(0, 40).replace(/-+$/, "") || "web";
}

function serviceOf(tree: Tree, program: RustProgram, name: string): ServiceIdea {
  const file = `bin/${program.name}`;
  const plain = { name, release: null, single: /(?:bot|scheduler|cron)s?$/.test(program.name) };
  if (!serves(program)) return { ...plain, run: [file], port: null, ready: null };
  const { before, fixed } = listensBy(tree, program);
  const files = filesOf(tree, program);
  const isNested = files.some((path) => nested.test(tree.text(path) ?? ""));
  return {
    ...plain,
    run: before === "" ? [file] : ["sh", "-c", `${before} exec ${file}`],
    port: fixed ?? defaultPort,
    ready: isNested ? null : readyPath(tree, files, route),
  };
}

function filesOf(tree: Tree, { directory }: RustProgram): readonly string[] {
  const within = join(directory, "src/");
  return tree.sources(/\.rs$/).filter((path) => path.startsWith(within));
}

/** By PORT, by Rocket's own variables or another one, or by a number in the code. */
function listensBy(tree: Tree, program: RustProgram): { readonly before: string; readonly fixed: number | null } {
  if (program.framework === "rocket") return { before: "ROCKET_ADDRESS=0.0.0.0 ROCKET_PORT=$PORT", fixed: null };
  const code = filesOf(tree, program)
    .map((path) => withoutComments(tree.text(path) ?? ""))
    .join("\n");
  if (/"PORT"/.test(code)) return { before: "", fixed: null };
  const variable = /\bvar(?:_os)?\(\s*"((?:APP|HTTP|SERVER|WEB|API|LISTEN|BIND|SERVICE)_PORT)"/.exec(code)?.[1];
  if (variable !== undefined) return { before: `${variable}=$PORT`, fixed: null };
  const number =
    /"(?:[\d.]+|localhost|\[::1?\]):(\d{2,5})"|\(\s*\[[\d, ]+\]\s*,\s*(\d{2,5})\s*\)|\.bind\(\s*\(\s*"[^"]*"\s*,\s*(\d{2,5})\s*\)/
      .exec(code)
      ?.slice(1)
      .find((one) => one !== undefined);
  return { before: "", fixed: number === undefined ? null : Number(number) };
}

function fixedWarning(tree: Tree, program: RustProgram): readonly string[] {
  const { fixed } = serves(program) ? listensBy(tree, program) : { fixed: null };
  return fixed === null
    ? []
    : [
        `${program.name} listens on port ${fixed} whatever PORT says, so plain processes cannot run it: read std::env::var("PORT")`,
      ];
}

/** `env::var("X").expect("…")` in the file that starts, or in the one with the settings. */
function requiredBy(tree: Tree, program: RustProgram): readonly VariableIdea[] {
  const files = filesOf(tree, program).filter((path) => /(?:^|\/)(?:main|config|settings|bin\/[\w-]+)\.rs$/.test(path));
  const code = files.map((path) => withoutComments(tree.text(path) ?? "")).join("\n");
  const read = /\bvar\(\s*"([A-Z][A-Z0-9_]{1,60})"\s*\)\s*\.(?:expect|unwrap)\(/g;
  return [...new Set([...code.matchAll(read)].map(([, name = ""]) => name))]
    .filter((name) => !/^(?:PORT|HOME|PATH|\w+_PORT)$/.test(name))
    .slice(0, 50)
    .map((name) => ({ name, secret: /KEY|SECRET|TOKEN|PASSWORD|URL$|DSN/.test(name), generate: null }));
}

function checksQueries(tree: Tree): boolean {
  return (
    !tree.hasDirectory(".sqlx") &&
    !tree.has("sqlx-data.json") &&
    tree
      .sources(/\.rs$/)
      .slice(0, 300)
      .some((path) => /\bquery(?:_as|_scalar|_file)?!\(/.test(tree.text(path) ?? ""))
  );
}

interface RustVersion {
  /** An exact toolchain; null: the newest one. */
  readonly tag: string | null;
  readonly oldest: string | null;
  readonly where: string;
}

/** A toolchain that is asked for by its number; `rust-version` is the oldest that will do. */
function versionOf(tree: Tree, cargo: Mapping, main: RustProgram): RustVersion {
  const table = tree.has("rust-toolchain.toml") ? tree.toml("rust-toolchain.toml") : null;
  const plain = /^\s*(?:channel\s*=\s*)?["']?(\d[\w.]*)/m.exec(
    (tree.text("rust-toolchain") ?? "").replace(/^\[.*$/m, ""),
  )?.[1];
  const wishes = [
    { text: textMember(table, "toolchain.channel") ?? "", where: "rust-toolchain.toml" },
    { text: plain ?? "", where: "rust-toolchain" },
    ...toolWishes(tree, ["rust"]),
  ];
  const exact = wishes.find(({ text }) => /^\d+\.\d+(?:\.\d+)?$/.test(text));
  const oldest =
    textMember(main.crate, "package.rust-version") ?? textMember(cargo, "workspace.package.rust-version") ?? null;
  const isVersion = oldest !== null && /^\d+\.\d+(?:\.\d+)?$/.test(oldest);
  if (exact !== undefined) return { tag: exact.text, oldest: exact.text, where: `requested by ${exact.where}` };
  return { tag: null, oldest: isVersion ? oldest : null, where: "Cargo.toml" };
}

function needsOf({ oldest, where }: RustVersion, uses: (crate: string) => boolean): readonly MachineNeed[] {
  const version = oldest === null ? {} : { version: { range: `>=${oldest}`, printedBy: ["cargo", "--version"] } };
  const why = where.replace(/^requested by /, "");
  const install = "apt-get install cargo, or https://rustup.rs for a newer one";
  const ssl = {
    program: "pkg-config",
    why: "openssl-sys of Cargo.lock",
    install: "apt-get install pkg-config libssl-dev",
  };
  const protobuf = { program: "protoc", why: "prost-build", install: "apt-get install protobuf-compiler" };
  return [
    { program: "cargo", ...version, why, install },
    { program: "cc", why: "Cargo.toml", install: "apt-get install gcc libc6-dev" },
    ...(uses("openssl-sys") ? [ssl] : []),
    ...(uses("prost-build") || uses("tonic-build") ? [protobuf] : []),
  ];
}
