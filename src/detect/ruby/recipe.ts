import { defaultPort, shell } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import { readyPath } from "../ready.ts";
import type { BuildChoice, Recipe, ServiceIdea, Unrecognised, VariableIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { gemPackages, gemsOf } from "./gems.ts";
import { chooseRuby } from "./version.ts";

export const ruby: LanguageReader = { language: "ruby", files: ["Gemfile", "config.ru"], recognise };

/** Sinatra and Roda, and the list of routes of Rails. */
const route = /\bget[ (]+["'](\/?(?:api\/)?(?:health|healthz|health-?check|ready|readyz|readiness|livez|up)\/?)["']/;

interface RubyApp {
  readonly name: string;
  readonly command: readonly string[];
  readonly because: string;
  readonly isRails: boolean;
  readonly warnings: readonly string[];
}

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  if (!tree.has("Gemfile")) return { lookedFor: ["Ruby: Gemfile"] };
  const gems = gemsOf(tree);
  const app = appOf(tree, gems);
  if (app === null)
    return { lookedFor: ["Ruby: gem rails with config/application.rb, config.ru, or app.rb that requires sinatra"] };
  return rubyRecipe(tree, { app, gems }, build);
}

function appOf(tree: Tree, gems: ReadonlySet<string>): RubyApp | null {
  const isRails = gems.has("rails") && tree.has("config/application.rb");
  if (isRails) {
    const command = tree.has("config/puma.rb")
      ? ["bundle", "exec", "puma", "-C", "config/puma.rb"]
      : shell("bundle exec rails server -b 0.0.0.0 -p $PORT");
    return { name: "Rails", command, because: "The server of Rails.", isRails, warnings: [] };
  }
  if (tree.has("config.ru")) {
    const name = gems.has("sinatra") ? "Sinatra" : gems.has("hanami") ? "Hanami" : "Rack";
    if (gems.has("puma")) {
      return { name, command: shell("bundle exec puma -p $PORT"), because: "config.ru.", isRails, warnings: [] };
    }
    const command = shell("bundle exec rackup -o 0.0.0.0 -p $PORT");
    return {
      name,
      command,
      because: "config.ru.",
      isRails,
      warnings: ['the Gemfile has no puma, so rackup chooses a server; write gem "puma" into it'],
    };
  }
  const script = ["app.rb", "main.rb", "server.rb"].find((file) =>
    /^\s*require ["']sinatra["']/m.test(tree.text(file) ?? ""),
  );
  if (script === undefined) return null;
  const command = shell(`bundle exec ruby ${script} -o 0.0.0.0 -p $PORT -e production`);
  return { name: "Sinatra", command, because: `${script}.`, isRails, warnings: [] };
}

interface Found {
  readonly app: RubyApp;
  readonly gems: ReadonlySet<string>;
}

function rubyRecipe(tree: Tree, { app, gems }: Found, build: BuildChoice): Recipe {
  const version = chooseRuby(tree);
  const locked = tree.has("Gemfile.lock");
  const install = [
    "bundle config set --local path vendor/bundle",
    "bundle config set --local without development:test",
    ...(locked ? ["bundle config set --local deployment true"] : []),
    "bundle install --jobs 4",
  ];
  const hasAssets =
    app.isRails && (gems.has("sprockets-rails") || gems.has("propshaft") || tree.hasDirectory("app/assets"));
  const compile = hasAssets ? ["SECRET_KEY_BASE_DUMMY=1 RAILS_ENV=production bundle exec rails assets:precompile"] : [];
  const image = `ruby:${version.tag}-slim`;
  return twoStages(build, {
    language: "ruby",
    summary: `${app.name}, Ruby ${version.tag}`,
    images: { build: image, run: image, why: `Ruby ${version.tag}: ${version.why}` },
    packages: gemPackages(gems),
    tools: [],
    declares: ["Gemfile", ...(locked ? ["Gemfile.lock"] : []), ...(tree.has(".ruby-version") ? [".ruby-version"] : [])],
    install,
    compile,
    takes: null,
    // The image's own variable for installed gems would hide those beside the source.
    env: { BUNDLE_APP_CONFIG: "/app/.bundle" },
    runEnv: Object.fromEntries(
      variablesOf(app, gems).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
    ),
    because: app.because,
    services: [webOf(tree, app), ...workersOf(gems, tree)],
    variables: variablesOf(app, gems),
    build: oneCommand({ install, compile }),
    needs: [
      {
        program: "ruby",
        version: { range: version.range ?? ">=2.7", printedBy: ["ruby", "--version"] },
        why: version.range === null ? "Gemfile" : version.why.replace(/^requested by /, ""),
        install: "apt-get install ruby ruby-dev build-essential, or rbenv for another version",
      },
      { program: "bundle", why: "Gemfile", install: "apt-get install ruby-bundler" },
    ],
    warnings: [
      ...version.warnings,
      ...app.warnings,
      ...(locked
        ? []
        : ["there is no Gemfile.lock, so every build may install other versions: run bundle lock and commit it"]),
    ],
  });
}

function webOf(tree: Tree, { command, isRails }: RubyApp): ServiceIdea {
  const files = isRails ? ["config/routes.rb"] : tree.sources(/\.(?:rb|ru)$/);
  const hasTables =
    isRails && (tree.hasDirectory("db/migrate") || tree.has("db/schema.rb") || tree.has("db/structure.sql"));
  return {
    name: "web",
    run: command,
    port: defaultPort,
    ready: readyPath(tree, files, route),
    release: hasTables ? ["bundle", "exec", "rails", "db:prepare"] : null,
    single: false,
  };
}

/** Gems that work through a queue, each with its program. */
const queues: readonly (readonly [gem: string, command: readonly string[]])[] = [
  ["sidekiq", ["bundle", "exec", "sidekiq"]],
  ["good_job", ["bundle", "exec", "good_job", "start"]],
  ["solid_queue", ["bundle", "exec", "rails", "solid_queue:start"]],
  ["delayed_job", ["bundle", "exec", "rails", "jobs:work"]],
];

function workersOf(gems: ReadonlySet<string>, tree: Tree): readonly ServiceIdea[] {
  // Puma can run Solid Queue within itself, which the configuration of a new app says.
  const inPuma = /plugin[ (]+:solid_queue/.test(tree.text("config/puma.rb") ?? "");
  const found = queues.find(([gem]) => gems.has(gem) && !(gem === "solid_queue" && inPuma));
  return found === undefined
    ? []
    : [{ name: "worker", run: found[1], port: null, ready: null, release: null, single: false }];
}

function variablesOf({ isRails }: RubyApp, gems: ReadonlySet<string>): readonly VariableIdea[] {
  const fixed = (name: string, value: string): VariableIdea => ({ name, secret: false, generate: null, value });
  if (!isRails) return [fixed("RACK_ENV", "production")];
  const hasServer = gems.has("pg") || gems.has("mysql2");
  return [
    fixed("RAILS_ENV", "production"),
    fixed("RAILS_LOG_TO_STDOUT", "1"),
    fixed("RAILS_SERVE_STATIC_FILES", "1"),
    { name: "SECRET_KEY_BASE", secret: true, generate: "hex32" },
    ...(hasServer ? [{ name: "DATABASE_URL", secret: true, generate: null }] : []),
  ];
}
