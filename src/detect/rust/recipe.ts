import { defaultPort } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import { readyPath } from "../ready.ts";
import type { BuildChoice, Recipe, Unrecognised } from "../recipe.ts";
import { type Mapping, member, namesOf, type Tree, textMember } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";

export const rust: LanguageReader = { language: "rust", files: ["Cargo.toml"], recognise };

const frameworks = ["axum", "actix-web", "rocket", "warp", "poem", "salvo", "tide", "hyper"];
/** axum, actix-web, rocket and warp. */
const route =
  /(?:\.route\(\s*|#\[get\(\s*|warp::path!?\(\s*)"(\/?(?:api\/)?(?:health|healthz|health-?check|ready|readyz|livez)\/?)"/;

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const cargo = tree.has("Cargo.toml") ? tree.toml("Cargo.toml") : null;
  const program = cargo === null ? null : programOf(tree, cargo);
  if (cargo === null || program === null) {
    return {
      lookedFor: ["Rust: Cargo.toml with one program: src/main.rs, [[bin]], or default-run for one of several"],
    };
  }
  return rustRecipe(tree, { cargo, program }, build);
}

/** The name of the program that `cargo run` would start. */
function programOf(tree: Tree, cargo: Mapping): string | null {
  const bins = member(cargo, "bin");
  const named = Array.isArray(bins)
    ? bins.flatMap((one) => textMember(new Map(Object.entries(one ?? {})), "name") ?? [])
    : [];
  const own = tree.has("src/main.rs") ? textMember(cargo, "package.name") : null;
  const all = [...new Set([...named, ...(own === null || named.length > 0 ? [] : [own])])];
  const chosen = textMember(cargo, "package.default-run") ?? (all.length === 1 ? all[0] : own);
  return chosen && /^[\w-]{1,64}$/.test(chosen) ? chosen : null;
}

interface Crate {
  readonly cargo: Mapping;
  readonly program: string;
}

function rustRecipe(tree: Tree, { cargo, program }: Crate, build: BuildChoice): Recipe {
  const crates = new Set(namesOf(member(cargo, "dependencies")));
  const framework = frameworks.find((name) => crates.has(name));
  const locked = tree.has("Cargo.lock");
  const toolchain = toolchainOf(tree) ?? textMember(cargo, "package.rust-version");
  // What it was compiled from stays out of the artifact.
  const compile = [
    `CARGO_TARGET_DIR="\${TMPDIR:-/tmp}/target" cargo install ${locked ? "--locked " : ""}--path . --root . --bin ${program}`,
  ];
  const port = framework === "rocket" ? "ROCKET_ADDRESS=0.0.0.0 ROCKET_PORT=$PORT" : null;
  const run = port === null ? [`bin/${program}`] : ["sh", "-c", `${port} exec bin/${program}`];
  return twoStages(build, {
    language: "rust",
    summary: `Rust${framework === undefined ? "" : ` with ${framework}`}, ${program}`,
    images: {
      build: "rust:1-bookworm",
      run: "debian:bookworm-slim",
      why: "the newest Rust builds what older ones did",
    },
    packages: { build: [], run: ["ca-certificates", "libssl3", ...(crates.has("diesel") ? ["libpq5"] : [])] },
    tools: [],
    declares: [],
    install: [],
    compile,
    takes: null,
    env: {},
    runEnv: {},
    because: `The program ${program} of Cargo.toml.`,
    services: [
      {
        name: framework === undefined ? "worker" : "web",
        run,
        port: framework === undefined ? null : defaultPort,
        ready: framework === undefined ? null : readyPath(tree, tree.sources(/\.rs$/), route),
        release: null,
        single: false,
      },
    ],
    variables: [],
    build: oneCommand({ install: [], compile }),
    needs: [
      {
        program: "cargo",
        ...(toolchain && /^\d+\.\d+(?:\.\d+)?$/.test(toolchain)
          ? { version: { range: `>=${toolchain}`, printedBy: ["cargo", "--version"] } }
          : {}),
        why: "Cargo.toml",
        install: "apt-get install cargo, or https://rustup.rs for a newer one",
      },
    ],
    warnings: [
      "every change of the source compiles all crates again",
      ...(locked ? [] : ["there is no Cargo.lock, so every build may use other versions: commit it"]),
    ],
  });
}

function toolchainOf(tree: Tree): string | null {
  const table = tree.has("rust-toolchain.toml") ? tree.toml("rust-toolchain.toml") : null;
  return textMember(table, "toolchain.channel") ?? tree.text("rust-toolchain")?.trim() ?? null;
}
