import { defaultPort } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import { readyPath } from "../ready.ts";
import type { BuildChoice, Recipe, Unrecognised, VariableIdea } from "../recipe.ts";
import { toolWishes } from "../toolfile.ts";
import type { Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { type ChosenVersion, chooseVersion, npmRange, type VersionLine } from "../version-line.ts";

export const elixir: LanguageReader = { language: "elixir", files: ["mix.exs"], recognise };

/** The two newest get fixes, older ones security fixes only (hexdocs.pm/elixir, "Compatibility and deprecations"). */
const line: VersionLine = {
  name: "Elixir",
  offered: ["1.18", "1.19", "1.17", "1.16", "1.15", "1.14"],
  maintained: ["1.19", "1.18", "1.17", "1.16", "1.15"],
};

const route = /\bget[ (]+"(\/(?:api\/)?(?:health|healthz|ready|readyz|livez|up)\/?)"/;

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const mix = (tree.text("mix.exs") ?? "").replace(/^\s*#.*$/gm, "");
  const app = /\bapp: :([a-z][a-z0-9_]{0,63})\b/.exec(mix)?.[1];
  if (app === undefined) return { lookedFor: ["Elixir: mix.exs with `app: :name`"] };
  return elixirRecipe(tree, { mix, app }, build);
}

interface Project {
  readonly mix: string;
  readonly app: string;
}

function elixirRecipe(tree: Tree, { mix, app }: Project, build: BuildChoice): Recipe {
  const version = chooseElixir(tree, mix);
  const has = (name: string) => new RegExp(`\\{:${name},`).test(mix);
  const isPhoenix = has("phoenix");
  const hasHttp = isPhoenix || has("bandit") || has("plug_cowboy");
  const program = `_build/prod/rel/${app}/bin/${app}`;
  const install = ["mix local.hex --force", "mix local.rebar --force", "MIX_ENV=prod mix deps.get --only prod"];
  const compile = [
    ...(/"assets\.deploy":/.test(mix) ? ["MIX_ENV=prod mix assets.deploy"] : []),
    "MIX_ENV=prod mix release --overwrite",
  ];
  const migrate = migrationOf(tree);
  return twoStages(build, {
    language: "elixir",
    summary: `${isPhoenix ? "Phoenix" : "Elixir"}, Elixir ${version.tag}`,
    images: {
      build: `elixir:${version.tag}-slim`,
      run: `elixir:${version.tag}-slim`,
      why: `Elixir ${version.tag}: ${version.why}`,
    },
    packages: { build: ["build-essential", "git"], run: [] },
    tools: [],
    declares: [],
    install: [],
    compile: [...install, ...compile],
    takes: [[`/app/_build/prod/rel/${app}`, `/app/_build/prod/rel/${app}`]],
    env: { LANG: "C.UTF-8" },
    runEnv: isPhoenix ? { PHX_SERVER: "true" } : {},
    because: "The release that mix makes.",
    services: [
      {
        name: hasHttp ? "web" : "worker",
        run: [program, "start"],
        port: hasHttp ? defaultPort : null,
        ready: hasHttp ? readyPath(tree, tree.sources(/router\.ex$/), route) : null,
        release: migrate === null ? null : [program, "eval", migrate],
        single: false,
      },
    ],
    variables: isPhoenix ? phoenixVariables(has("ecto_sql")) : [],
    build: oneCommand({ install, compile }),
    needs: [
      {
        program: "mix",
        ...(version.range === null
          ? {}
          : { version: { range: version.range, printedBy: ["elixir", "--short-version"] } }),
        why: "mix.exs",
        install: "apt-get install elixir erlang-dev, or https://elixir-lang.org/install.html for a newer one",
      },
    ],
    warnings: [
      ...version.warnings,
      ...(has("ecto_sql") && migrate === null
        ? ["no module Release has `migrate`, so migrations are not run: `mix phx.gen.release` writes it"]
        : []),
    ],
  });
}

/** The function by which a release migrates, as `mix phx.gen.release` writes it; null: there is none. */
function migrationOf(tree: Tree): string | null {
  for (const path of tree.sources(/release\.ex$/)) {
    const text = tree.text(path) ?? "";
    const module = /^defmodule ([A-Z][\w.]{0,100}) do/m.exec(text)?.[1];
    if (module !== undefined && /\bdef migrate\b/.test(text)) return `${module}.migrate()`;
  }
  return null;
}

function phoenixVariables(hasDatabase: boolean): readonly VariableIdea[] {
  return [
    { name: "PHX_SERVER", secret: false, generate: null, value: "true" },
    { name: "SECRET_KEY_BASE", secret: true, generate: "hex32" },
    ...(hasDatabase ? [{ name: "DATABASE_URL", secret: true, generate: null }] : []),
  ];
}

/** `~> 1.15` of Elixir is `>=1.15 <2`, `~> 1.15.2` is `>=1.15.2 <1.16` (hexdocs.pm/elixir, Version). */
function chooseElixir(tree: Tree, mix: string): ChosenVersion {
  const range = (text: string) =>
    npmRange(
      text
        .replace(/-otp-\d+$/, "")
        .replace(/~>\s*(\d+\.\d+)(?!\.?\d)/g, "^$1")
        .replace(/~>/g, "~")
        .replaceAll(" and ", " ")
        .replaceAll(" or ", " || "),
    );
  const written = /\belixir: "([^"\n]{1,60})"/.exec(mix)?.[1];
  return chooseVersion(line, [
    ...toolWishes(tree, ["elixir"]).map((wish) => ({ ...wish, range: range(wish.text) })),
    ...(written ? [{ text: written, where: "mix.exs", range: range(written) }] : []),
  ]);
}
