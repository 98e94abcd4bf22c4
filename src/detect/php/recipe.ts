import { defaultPort, shell } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, Recipe, Unrecognised, VariableIdea } from "../recipe.ts";
import { type Mapping, member, namesOf, type Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { extensionsOf } from "./extensions.ts";
import { choosePhp } from "./version.ts";

export const php: LanguageReader = { language: "php", files: ["composer.json", "index.php", "artisan"], recognise };

interface PhpApp {
  readonly name: "Laravel" | "Symfony" | "PHP";
  /** The directory that is served. */
  readonly root: string;
  readonly ready: string | null;
  readonly release: readonly string[] | null;
  readonly extensions: readonly string[];
  readonly variables: readonly VariableIdea[];
}

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const composer = tree.json("composer.json");
  const app = appOf(tree, composer);
  if (app === null)
    return { lookedFor: ["PHP: index.php, also in public/ or web/; artisan and bin/console with composer.json"] };
  return phpRecipe(tree, { app, composer }, build);
}

const fixed = (name: string, value: string): VariableIdea => ({ name, secret: false, generate: null, value });

function appOf(tree: Tree, composer: Mapping | null): PhpApp | null {
  const packages = new Set(namesOf(member(composer, "require")));
  const plain = { ready: null, release: null, extensions: [], variables: [] };
  if (packages.has("laravel/framework") && tree.has("artisan")) {
    return {
      name: "Laravel",
      root: "public",
      ready: /health:\s*["'](\/[\w/-]+)["']/.exec(tree.text("bootstrap/app.php") ?? "")?.[1] ?? null,
      release: tree.hasDirectory("database/migrations") ? ["php", "artisan", "migrate", "--force"] : null,
      extensions: ["pdo_mysql", "pdo_pgsql"],
      variables: [
        fixed("APP_ENV", "production"),
        fixed("LOG_CHANNEL", "stderr"),
        { name: "APP_KEY", secret: true, generate: null },
      ],
    };
  }
  const isSymfony = packages.has("symfony/framework-bundle") && tree.has("public/index.php");
  if (isSymfony) {
    const migrates = packages.has("doctrine/doctrine-migrations-bundle");
    const release = ["php", "bin/console", "doctrine:migrations:migrate", "--no-interaction", "--allow-no-migration"];
    return {
      ...plain,
      name: "Symfony",
      root: "public",
      release: migrates ? release : null,
      extensions: packages.has("doctrine/doctrine-bundle") ? ["pdo_mysql", "pdo_pgsql"] : [],
      variables: [
        fixed("APP_ENV", "prod"),
        { name: "APP_SECRET", secret: true, generate: "hex32" },
        ...(packages.has("doctrine/doctrine-bundle") ? [{ name: "DATABASE_URL", secret: true, generate: null }] : []),
      ],
    };
  }
  const root = ["public", "web", "htdocs", ""].find((directory) =>
    tree.has(directory === "" ? "index.php" : `${directory}/index.php`),
  );
  return root === undefined ? null : { ...plain, name: "PHP", root };
}

interface Found {
  readonly app: PhpApp;
  readonly composer: Mapping | null;
}

function phpRecipe(tree: Tree, { app, composer }: Found, build: BuildChoice): Recipe {
  const version = choosePhp(tree, composer);
  const extensions = extensionsOf(composer, app.extensions);
  const locked = tree.has("composer.lock");
  const hasPackages = composer !== null;
  const options = "--no-dev --no-interaction --no-progress --prefer-dist --optimize-autoloader";
  const install = hasPackages ? [`composer install ${options} --no-scripts`] : [];
  const compile = hasPackages ? [`composer dump-autoload --no-dev --optimize`] : [];
  const root = app.root === "" ? "." : app.root;
  const run = shell(`frankenphp php-server --listen :$PORT --root ${root}`);
  const image = `dunglas/frankenphp:1-php${version.tag}`;
  return twoStages(build, {
    language: "php",
    evidence: app.name === "PHP" && !hasPackages ? "name" : "declared",
    summary: `${app.name === "PHP" ? "PHP" : `${app.name}, PHP`} ${version.tag}`,
    images: { build: image, run: image, why: `PHP ${version.tag}: ${version.why}` },
    packages: { build: [], run: [] },
    tools: [
      ...(extensions.names.length > 0 ? [`RUN install-php-extensions ${extensions.names.join(" ")}`] : []),
      ...(hasPackages ? ["COPY --from=composer:2 /usr/bin/composer /usr/local/bin/composer"] : []),
    ],
    runTools: [
      ...(extensions.names.length > 0 ? [`RUN install-php-extensions ${extensions.names.join(" ")}`] : []),
      'RUN cp "$(command -v frankenphp)" /tmp/server && mv /tmp/server "$(command -v frankenphp)"',
    ],
    declares: hasPackages ? ["composer.json", ...(locked ? ["composer.lock"] : [])] : [],
    install,
    compile,
    takes: null,
    env: {},
    // Caddy, which it has within, keeps its own files there.
    runEnv: { XDG_CONFIG_HOME: "/tmp", XDG_DATA_HOME: "/tmp", ...valuesOf(app.variables) },
    because: `FrankenPHP with ${root}.`,
    services: [{ name: "web", run, port: defaultPort, ready: app.ready, release: app.release, single: false }],
    variables: app.variables,
    build: oneCommand({ install, compile }),
    needs: [
      {
        program: "php",
        version: { range: version.range ?? ">=7.4", printedBy: ["php", "--version"] },
        why: hasPackages ? "composer.json" : `${app.root === "" ? "" : `${app.root}/`}index.php`,
        install: `apt-get install ${[...new Set(["php-cli", "php-mbstring", "php-xml", "php-curl", ...extensions.debian])].join(" ")}`,
      },
      {
        program: "frankenphp",
        why: "the PHP server",
        install: "see https://frankenphp.dev, or install a container engine",
      },
      ...(hasPackages ? [{ program: "composer", why: "composer.json", install: "apt-get install composer" }] : []),
    ],
    warnings: [...version.warnings, ...warningsOf({ app, hasPackages, locked, unknown: extensions.unknown })],
  });
}

interface Doubts {
  readonly app: PhpApp;
  readonly hasPackages: boolean;
  readonly locked: boolean;
  /** Extensions of which nothing is known here. */
  readonly unknown: readonly string[];
}

function warningsOf({ app, hasPackages, locked, unknown }: Doubts): readonly string[] {
  return [
    ...(app.root === ""
      ? ["every file beside index.php can be asked for: move what visitors may see into public/"]
      : []),
    ...(hasPackages && !locked
      ? ["there is no composer.lock, so every build may install other versions: run composer update and commit it"]
      : []),
    ...unknown.map((name) => `ext-${name} of composer.json is not installed: write a Dockerfile for it`),
  ];
}

function valuesOf(variables: readonly VariableIdea[]): Record<string, string> {
  return Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}
