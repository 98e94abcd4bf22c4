import { defaultPort } from "../dockerfile.ts";
import { runtimeOf } from "../node/assets.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, MachineNeed, Recipe, Unrecognised, VariableIdea } from "../recipe.ts";
import { toolWishes } from "../toolfile.ts";
import { join, type Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { type ChosenVersion, chooseVersion, npmRange, type VersionLine } from "../version-line.ts";
import { type MixProject, mixProject } from "./project.ts";

export const elixir: LanguageReader = { language: "elixir", files: ["mix.exs"], recognise };

/** The two newest get fixes, older ones security fixes only (hexdocs.pm/elixir, "Compatibility and deprecations"). */
const line: VersionLine = {
  name: "Elixir",
  offered: ["1.18", "1.19", "1.17", "1.16", "1.15", "1.14"],
  maintained: ["1.19", "1.18", "1.17", "1.16", "1.15"],
};

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const project = tree.has("mix.exs") ? mixProject(tree) : "Elixir: mix.exs";
  return typeof project === "string" ? { lookedFor: [project] } : elixirRecipe(tree, project, build);
}

function elixirRecipe(tree: Tree, project: MixProject, build: BuildChoice): Recipe {
  const { text, release, others } = project;
  const version = chooseElixir(tree, text);
  const has = (name: string) => new RegExp(`\\{:${name},`).test(text);
  const isPhoenix = has("phoenix");
  const hasHttp = isPhoenix || has("bandit") || has("plug_cowboy");
  const place = `_build/prod/rel/${release}`;
  const program = `${place}/bin/${release}`;
  const packages = join(join(project.assets ?? "", "assets"), "package.json");
  const node = tree.has(packages) && project.assets !== null ? runtimeOf(tree) : null;
  const install = ["mix local.hex --force", "mix local.rebar --force", "MIX_ENV=prod mix deps.get --only prod"];
  const compile = [
    ...assetCommands(project, node === null ? null : packages),
    `MIX_ENV=prod mix release ${release} --overwrite`,
  ];
  const migrate = migrationOf(tree);
  const variables = [...(isPhoenix ? phoenixVariables(tree, has("ecto_sql")) : []), ...requiredEnv(tree)];
  return twoStages(build, {
    language: "elixir",
    summary: `${isPhoenix ? "Phoenix" : "Elixir"}, Elixir ${version.tag}`,
    images: {
      build: `elixir:${version.tag}-slim`,
      run: `elixir:${version.tag}-slim`,
      why: `Elixir ${version.tag}: ${version.why}`,
    },
    packages: { build: ["build-essential", "git"], run: [] },
    tools: Object.hasOwn(build.base, "elixir") ? [] : (node?.tools ?? []),
    declares: [],
    install: [],
    compile: [...install, ...compile],
    takes: [[`/app/${place}`, `/app/${place}`]],
    env: { LANG: "C.UTF-8" },
    runEnv: isPhoenix ? { PHX_SERVER: "true" } : {},
    because: "The release that mix makes.",
    services: [
      {
        name: hasHttp ? "web" : "worker",
        run: [program, "start"],
        port: hasHttp ? defaultPort : null,
        ready: hasHttp ? readyOf(tree) : null,
        release: migrate === null ? null : [program, "eval", migrate],
        single: false,
      },
    ],
    variables: [...new Map(variables.map((one) => [one.name, one])).values()],
    build: oneCommand({ install, compile }),
    needs: needsOf(version, node === null ? null : packages),
    warnings: [
      ...version.warnings,
      ...(others.length === 0 ? [] : [`mix.exs has the releases ${others.join(", ")} too, which are not made`]),
      ...(has("ecto_sql") && migrate === null
        ? ["no module Release has `migrate`, so migrations are not run: `mix phx.gen.release` writes it"]
        : []),
    ],
  });
}

/** Phoenix 1.8 reads what the compiler extracts from components, so the code is compiled before the assets. */
function assetCommands({ assets }: MixProject, packages: string | null): readonly string[] {
  if (assets === null) return [];
  const go = assets === "" ? "" : `cd ${assets} && `;
  const directory = packages?.replace(/\/package\.json$/, "");
  return [
    ...(directory === undefined ? [] : [`npm install --no-audit --no-fund --prefix ${directory}`]),
    "MIX_ENV=prod mix compile",
    assets === "" ? "MIX_ENV=prod mix assets.deploy" : `(${go}MIX_ENV=prod mix assets.deploy)`,
  ];
}

function needsOf(version: ChosenVersion, packages: string | null): readonly MachineNeed[] {
  const asked =
    version.range === null ? {} : { version: { range: version.range, printedBy: ["elixir", "--short-version"] } };
  const why = version.range === null ? "mix.exs" : version.why.replace(/^requested by /, "");
  const install = "apt-get install elixir erlang-dev, or https://elixir-lang.org/install.html for a newer one";
  const npm = { program: "npm", why: packages ?? "", install: "apt-get install npm" };
  return [{ program: "mix", ...asked, why, install }, ...(packages === null ? [] : [npm])];
}

/** The path of a route for probes, with that of the scope around it; routes in a scope in a scope are left out. */
function readyOf(tree: Tree): string | null {
  for (const file of tree.sources(/router\.ex$/)) {
    let scope: string | null = "";
    for (const line of (tree.text(file) ?? "").split("\n")) {
      const [, indent = "", path] = /^( *)scope[ (]+(?:path: *)?"(\/[\w/-]*)"/.exec(line) ?? [];
      if (path !== undefined) scope = indent.length > 2 ? null : path.replace(/\/$/, "");
      if (/^ {0,2}end\b/.test(line)) scope = "";
      const found = /^\s*get[ (]+"(\/(?:api\/)?(?:health|healthz|health-?check|ready|readyz|livez|up)\/?)"/.exec(
        line,
      )?.[1];
      if (found !== undefined && scope !== null) return `${scope}${found}`;
    }
  }
  return null;
}

/** What config/runtime.exs demands: `System.fetch_env!("X")`, `System.get_env("X") || raise`. */
function requiredEnv(tree: Tree): readonly VariableIdea[] {
  const text = (tree.text("config/runtime.exs") ?? "").replace(/^\s*#.*$/gm, "");
  const read =
    /\bSystem\.(?:fetch_env!\(\s*"([A-Z][A-Z0-9_]{1,60})"\s*\)|get_env\(\s*"([A-Z][A-Z0-9_]{1,60})"\s*\)\s*\|\|\s*raise\b)/g;
  return [...text.matchAll(read)]
    .map(([, fetched, demanded]) => fetched ?? demanded ?? "")
    .filter((name) => !/^(?:PORT|SECRET_KEY_BASE|RELEASE_\w+)$/.test(name))
    .slice(0, 50)
    .map((name) => ({ name, secret: /KEY|SECRET|TOKEN|PASSWORD|URL$|DSN/.test(name), generate: null }));
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

/** The host is what sockets of LiveView are compared with. */
function phoenixVariables(tree: Tree, hasDatabase: boolean): readonly VariableIdea[] {
  const asksHost = /"PHX_HOST"/.test(tree.text("config/runtime.exs") ?? "");
  return [
    { name: "PHX_SERVER", secret: false, generate: null, value: "true" },
    { name: "SECRET_KEY_BASE", secret: true, generate: "hex32" },
    ...(asksHost ? [{ name: "PHX_HOST", secret: false, generate: null }] : []),
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
