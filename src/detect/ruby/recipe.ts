import semver from "semver";
import { defaultPort } from "../dockerfile.ts";
import { type Assets, assetsOf, runtimeOf } from "../node/assets.ts";
import type { LanguageReader } from "../reader.ts";
import { readyPath } from "../ready.ts";
import type { BuildChoice, MachineNeed, Recipe, ServiceIdea, Unrecognised, VariableIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import type { ChosenVersion } from "../version-line.ts";
import { type RubyApp, rubyApp } from "./app.ts";
import { type Gemfile, readGemfile } from "./gemfile.ts";
import { gemPackages, nodeOf } from "./gems.ts";
import { siteRecipe } from "./site.ts";
import { needsMasterKey, requiredEnv } from "./variables.ts";
import { chooseRuby } from "./version.ts";

export const ruby: LanguageReader = { language: "ruby", files: ["Gemfile", "config.ru"], recognise };

/** Sinatra and Roda on the app itself, and the list of routes of Rails outside of a namespace. */
const route =
  /^(?: {2}|\t)?get[ (]+["'](\/?(?:api\/)?(?:health|healthz|health-?check|ready|readyz|readiness|livez|up)\/?)["']/m;

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  if (!tree.has("Gemfile")) return { lookedFor: ["Ruby: Gemfile"] };
  const gemfile = readGemfile(tree);
  if (gemfile.engine !== null)
    return { lookedFor: [`Ruby: the source asks for ${gemfile.engine}, which is not supported: write a Dockerfile`] };
  const app = rubyApp(tree, gemfile);
  const site = app === null ? pagesOf(tree, gemfile, build) : null;
  if (site !== null) return site;
  if (app === null)
    return {
      lookedFor: [
        "Ruby: gem rails with config/application.rb, config.ru, or app.rb or another script that requires sinatra",
      ],
    };
  return rubyRecipe(tree, { app, gemfile }, build);
}

/** A source whose pages a gem makes. */
function pagesOf(tree: Tree, gemfile: Gemfile, build: BuildChoice): Recipe | null {
  const version = chooseRuby(tree);
  const locked = tree.has("Gemfile.lock");
  const site = {
    gems: gemfile.gems,
    version,
    install: bundleInstall(gemfile, locked),
    declares: declaredFiles(tree, gemfile),
    needs: needsOf(version, gemfile),
    warnings: [...version.warnings, ...warningsOf(gemfile, locked)],
  };
  return siteRecipe(tree, site, build);
}

/** Files that say which gems there are; empty: some are in the source. */
function declaredFiles(tree: Tree, { hasPaths }: Gemfile): readonly string[] {
  const files = ["Gemfile", "Gemfile.lock", ".ruby-version", ".tool-versions"];
  return hasPaths ? [] : files.filter((file) => tree.has(file));
}

interface Found {
  readonly app: RubyApp;
  readonly gemfile: Gemfile;
}

function rubyRecipe(tree: Tree, { app, gemfile }: Found, build: BuildChoice): Recipe {
  const version = chooseRuby(tree);
  const { gems } = gemfile;
  const locked = tree.has("Gemfile.lock");
  const variables = variablesOf(tree, app, gemfile);
  const assets = app.isRails ? railsAssets(tree, gems) : assetsOf(tree);
  const install = [...bundleInstall(gemfile, locked), ...(assets === null ? [] : [assets.install])];
  const compile = compileCommands(tree, { app, gemfile, assets, variables });
  const image = `ruby:${version.tag}-slim`;
  return twoStages(build, {
    language: "ruby",
    summary: `${app.name}, Ruby ${version.tag}`,
    images: { build: image, run: image, why: `Ruby ${version.tag}: ${version.why}` },
    packages: gemPackages(gems),
    tools: Object.hasOwn(build.base, "ruby") ? [] : (assets?.tools ?? []),
    declares: gemfile.hasPaths ? [] : [...declaredFiles(tree, gemfile), ...(assets?.declares ?? [])],
    install: install.filter((command) => command !== ""),
    compile,
    takes: null,
    // The image's own variable for installed gems would hide those beside the source.
    env: { BUNDLE_APP_CONFIG: "/app/.bundle" },
    runEnv: Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
    because: app.because,
    services: [webOf(tree, app, gemfile), ...workersOf(gems, tree)],
    variables,
    build: oneCommand({ install: install.filter((command) => command !== ""), compile }),
    needs: [...needsOf(version, gemfile), ...(assets?.needs ?? [])],
    warnings: [...version.warnings, ...app.warnings, ...warningsOf(gemfile, locked), ...(assets?.warnings ?? [])],
  });
}

/** Gems beside the source; a Gemfile without a server of gems takes those of the machine. */
function bundleInstall({ hasSource, isForLinux }: Gemfile, locked: boolean): readonly string[] {
  return [
    ...(hasSource ? ["bundle config set --local path vendor/bundle"] : []),
    "bundle config set --local without development:test",
    ...(isForLinux ? [] : ["bundle lock --add-platform x86_64-linux aarch64-linux"]),
    ...(locked ? ["bundle config set --local deployment true"] : []).filter(() => hasSource),
    "bundle install --jobs 4",
  ];
}

/** Rails calls the package manager itself; only Node, and what is installed with it, must be there. */
function railsAssets(tree: Tree, gems: ReadonlySet<string>): Assets | null {
  const node = nodeOf(gems);
  if (node === "packages" && tree.has("package.json")) return assetsOf(tree, true);
  return node === "runtime" ? runtimeOf(tree) : null;
}

interface Compiled extends Found {
  readonly assets: Assets | null;
  readonly variables: readonly VariableIdea[];
}

function compileCommands(tree: Tree, { app, gemfile, assets, variables }: Compiled): readonly string[] {
  const { gems, locked } = gemfile;
  const hasAssets =
    app.isRails && (gems.has("sprockets-rails") || gems.has("propshaft") || tree.hasDirectory("app/assets"));
  const remove = assets === null || assets.remove === "" ? [] : [assets.remove];
  if (!hasAssets) return assets === null ? [] : [...(app.isRails ? [] : [assets.compile]), ...remove];
  const old = semver.lt(semver.coerce(locked.get("railties") ?? locked.get("rails")) ?? "99.0.0", "7.1.0");
  const dummy = old ? "SECRET_KEY_BASE=build" : "SECRET_KEY_BASE_DUMMY=1";
  // What the configuration demands has a harmless value while assets are compiled.
  const harmless = variables
    .filter(
      ({ name, value, generate }) =>
        value === undefined && generate === null && !/^(?:DATABASE|REDIS)_URL$|MASTER_KEY/.test(name),
    )
    .map(({ name }) => `${name}=${/URL$/.test(name) ? "http://localhost" : "build"} `);
  return [`${harmless.join("")}${dummy} RAILS_ENV=production bundle exec rails assets:precompile`, ...remove];
}

function needsOf(version: ChosenVersion, { bundler, hasSource, gems }: Gemfile): readonly MachineNeed[] {
  const major = bundler?.split(".")[0];
  const range = major === undefined ? {} : { version: { range: `>=${major}`, printedBy: ["bundle", "--version"] } };
  const debian = hasSource ? "" : ` ${[...gems].map((gem) => (gem === "puma" ? gem : `ruby-${gem}`)).join(" ")}`;
  return [
    {
      program: "ruby",
      version: { range: version.range ?? ">=2.7", printedBy: ["ruby", "--version"] },
      why: version.range === null ? "Gemfile" : version.why.replace(/^requested by /, ""),
      install: "apt-get install ruby ruby-dev build-essential, or rbenv for another version",
    },
    {
      program: "bundle",
      ...range,
      why: major === undefined ? "Gemfile" : "Gemfile.lock",
      install: `${major === undefined ? "" : "gem install bundler, or "}apt-get install ruby-bundler${debian}`,
    },
  ];
}

function warningsOf({ hasSource, isForLinux }: Gemfile, locked: boolean): readonly string[] {
  return [
    ...(locked || !hasSource
      ? []
      : ["there is no Gemfile.lock, so every build may install other versions: run bundle lock and commit it"]),
    ...(hasSource
      ? []
      : ["the Gemfile names no source, so only gems of the machine are found: write a line source into it"]),
    ...(isForLinux
      ? []
      : [
          "Gemfile.lock has no gems for Linux: run bundle lock --add-platform x86_64-linux aarch64-linux and commit it",
        ]),
  ];
}

function webOf(tree: Tree, { command, isRails }: RubyApp, { locked }: Gemfile): ServiceIdea {
  const files = isRails
    ? ["config/routes.rb"]
    : tree.sources(/\.(?:rb|ru)$/).filter((file) => !/\bnamespace\b|^\s*map\b/m.test(tree.text(file) ?? ""));
  const hasTables =
    isRails && [...tree.paths].some((path) => /^db\/(?:\w*migrate\/|\w*(?:schema\.rb|structure\.sql)$)/.test(path));
  // Rails 6 brings `db:prepare`, which also makes a database that is missing.
  const prepares = semver.gte(semver.coerce(locked.get("rails")) ?? "99.0.0", "6.0.0");
  return {
    name: "web",
    run: command,
    port: defaultPort,
    ready: readyPath(tree, files, route),
    release: hasTables ? ["bundle", "exec", "rails", prepares ? "db:prepare" : "db:migrate"] : null,
    single: false,
  };
}

/** Gems that work through a queue, each with its program. */
const queues: readonly (readonly [gem: string, command: readonly string[]])[] = [
  ["sidekiq", ["bundle", "exec", "sidekiq"]],
  ["resque", ["bundle", "exec", "rake", "resque:work", "QUEUE=*"]],
  ["good_job", ["bundle", "exec", "good_job", "start"]],
  ["solid_queue", ["bundle", "exec", "rails", "solid_queue:start"]],
  ["delayed_job", ["bundle", "exec", "rails", "jobs:work"]],
];

function workersOf(gems: ReadonlySet<string>, tree: Tree): readonly ServiceIdea[] {
  // Puma can run Solid Queue within itself, which the configuration of a new app says.
  const inPuma = /plugin[ (]+:solid_queue/.test(tree.text("config/puma.rb") ?? "");
  const found = queues.find(([gem]) => gems.has(gem) && !(gem === "solid_queue" && inPuma));
  const plain = { port: null, ready: null, release: null };
  const clock = gems.has("clockwork") ? tree.first(["clock.rb", "config/clock.rb", "lib/clock.rb"]) : null;
  return [
    ...(found === undefined ? [] : [{ ...plain, name: "worker", run: found[1], single: false }]),
    ...(clock === null ? [] : [{ ...plain, name: "clock", run: ["bundle", "exec", "clockwork", clock], single: true }]),
  ];
}

function variablesOf(tree: Tree, { isRails }: RubyApp, { gems }: Gemfile): readonly VariableIdea[] {
  const fixed = (name: string, value: string): VariableIdea => ({ name, secret: false, generate: null, value });
  const asked = (name: string): VariableIdea => ({ name, secret: true, generate: null });
  const redis = gems.has("sidekiq") || gems.has("resque") ? [asked("REDIS_URL")] : [];
  const required = requiredEnv(tree);
  const hanami = gems.has("hanami") ? [fixed("HANAMI_ENV", "production"), fixed("HANAMI_SERVE_ASSETS", "true")] : [];
  if (!isRails) return [fixed("RACK_ENV", "production"), ...hanami, ...redis, ...required];
  const hasServer = gems.has("pg") || gems.has("mysql2") || gems.has("trilogy");
  return [
    fixed("RAILS_ENV", "production"),
    fixed("RAILS_LOG_TO_STDOUT", "1"),
    fixed("RAILS_SERVE_STATIC_FILES", "1"),
    { name: "SECRET_KEY_BASE", secret: true, generate: "hex32" },
    // Puma of a new app works through the queue as well if this is set.
    ...(/"SOLID_QUEUE_IN_PUMA"/.test(tree.text("config/puma.rb") ?? "") ? [fixed("SOLID_QUEUE_IN_PUMA", "true")] : []),
    ...(needsMasterKey(tree) ? [asked("RAILS_MASTER_KEY")] : []),
    ...(hasServer ? [asked("DATABASE_URL")] : []),
    ...redis,
    ...required.filter(({ name }) => name !== "RAILS_MASTER_KEY"),
  ];
}
