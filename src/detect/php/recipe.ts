import { defaultPort } from "../dockerfile.ts";
import { type Assets, assetsOf } from "../node/assets.ts";
import { readProcfile } from "../procfile.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, MachineNeed, Recipe, ServiceIdea, Unrecognised, VariableIdea } from "../recipe.ts";
import { type Mapping, member, namesOf, type Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { extensionsOf } from "./extensions.ts";
import { laravelDatabase, laravelWorkers } from "./laravel.ts";
import { apache, apacheConfig, documentRoot, isReplaced, runApache } from "./server.ts";
import { symfonyCommands, symfonyEnv } from "./symfony.ts";
import { choosePhp } from "./version.ts";

export const php: LanguageReader = {
  language: "php",
  files: ["composer.json", "index.php", "artisan"],
  recognise,
  meaning: (command) => (isReplaced(command) ? runApache : command),
};

interface PhpApp {
  readonly name: "Laravel" | "Symfony" | "WordPress" | "PHP";
  /** The directory that is served; empty: all of the source. */
  readonly root: string;
  readonly ready: string | null;
  readonly release: readonly string[] | null;
  readonly extensions: readonly string[];
  readonly variables: readonly VariableIdea[];
  readonly workers: readonly ServiceIdea[];
  /** Commands after the packages are there. */
  readonly prepares: readonly string[];
  readonly warnings: readonly string[];
}

const plain = {
  ready: null,
  release: null,
  extensions: [],
  variables: [],
  workers: [],
  prepares: [],
  warnings: [],
};

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const composer = tree.json("composer.json");
  const app = appOf(tree, composer);
  if (app === null)
    return { lookedFor: ["PHP: index.php, also in public/ or web/; artisan and bin/console with composer.json"] };
  return phpRecipe(tree, { app, composer }, build);
}

const fixed = (name: string, value: string): VariableIdea => ({ name, secret: false, generate: null, value });
const asked = (name: string): VariableIdea => ({ name, secret: true, generate: null });

function appOf(tree: Tree, composer: Mapping | null): PhpApp | null {
  const packages = new Set(namesOf(member(composer, "require")));
  const root = documentRoot(tree.paths, readProcfile(tree).get("web"));
  if (packages.has("laravel/framework") && tree.has("artisan")) return laravelApp(tree, packages, root ?? "public");
  if (root === null) return null;
  if (packages.has("symfony/framework-bundle")) return symfonyApp(tree, packages, root);
  if (tree.has(root === "" ? "wp-load.php" : `${root}/wp-load.php`)) return wordPressApp(tree, root);
  return { ...plain, name: "PHP", root };
}

function laravelApp(tree: Tree, packages: ReadonlySet<string>, root: string): PhpApp {
  const migrates = tree.hasDirectory("database/migrations");
  return {
    ...plain,
    name: "Laravel",
    root,
    ready: /health:\s*["'](\/[\w/-]+)["']/.exec(tree.text("bootstrap/app.php") ?? "")?.[1] ?? null,
    release: migrates ? ["php", "artisan", "migrate", "--force"] : null,
    extensions: ["pdo_mysql", "pdo_pgsql"],
    variables: [
      fixed("APP_ENV", "production"),
      fixed("LOG_CHANNEL", "stderr"),
      asked("APP_KEY"),
      ...(migrates ? laravelDatabase(tree) : []),
    ],
    workers: laravelWorkers(tree, packages),
  };
}

function symfonyApp(tree: Tree, packages: ReadonlySet<string>, root: string): PhpApp {
  const hasDatabase = packages.has("doctrine/doctrine-bundle");
  const migrates = packages.has("doctrine/doctrine-migrations-bundle");
  const release = ["php", "bin/console", "doctrine:migrations:migrate", "--no-interaction", "--allow-no-migration"];
  const read = symfonyEnv(tree);
  const demanded =
    hasDatabase && !read.some(({ name }) => name === "DATABASE_URL") ? [asked("DATABASE_URL"), ...read] : read;
  return {
    ...plain,
    name: "Symfony",
    root,
    release: migrates ? release : null,
    extensions: hasDatabase ? ["pdo_mysql", "pdo_pgsql"] : [],
    variables: [fixed("APP_ENV", "prod"), { name: "APP_SECRET", secret: true, generate: "hex32" }, ...demanded],
    prepares: tree.has("bin/console") ? symfonyCommands(packages, demanded) : [],
  };
}

/** Its settings are a program, which is written where it is installed unless the source brings one. */
function wordPressApp(tree: Tree, root: string): PhpApp {
  const file = root === "" ? "wp-config.php" : `${root}/wp-config.php`;
  return {
    ...plain,
    name: "WordPress",
    root,
    extensions: ["exif", "gd", "intl", "mysqli", "zip"],
    warnings: tree.has(file)
      ? []
      : [`${file} is not in the source, and what an instance writes is not kept: commit one that reads getenv("…")`],
  };
}

interface Found {
  readonly app: PhpApp;
  readonly composer: Mapping | null;
}

function phpRecipe(tree: Tree, { app, composer }: Found, build: BuildChoice): Recipe {
  const version = choosePhp(tree, composer);
  const extensions = extensionsOf(composer, app.extensions);
  const hasPackages = composer !== null;
  const locked = tree.has("composer.lock");
  const assets = assetsOf(tree);
  const { install, compile } = commandsOf(app, hasPackages, assets);
  const image = `php:${version.tag}-apache`;
  // A base of one's own has what builds and what runs.
  const isOwn = Object.hasOwn(build.base, "php");
  const tools = isOwn ? [] : extensionLines(extensions.names);
  const composerLine = "COPY --from=composer:2 /usr/bin/composer /usr/local/bin/composer";
  return twoStages(build, {
    language: "php",
    evidence: app.name === "PHP" && !hasPackages ? "name" : "declared",
    summary: `${app.name === "PHP" ? "PHP" : `${app.name}, PHP`} ${version.tag} with Apache`,
    images: { build: image, run: image, why: `PHP ${version.tag}: ${version.why}` },
    packages: { build: hasPackages && !isOwn ? ["git", "unzip"] : [], run: [] },
    tools: [...tools, ...(hasPackages && !isOwn ? [composerLine] : []), ...(isOwn ? [] : (assets?.tools ?? []))],
    runTools: tools,
    declares: [
      ...(hasPackages ? ["composer.json", ...(locked ? ["composer.lock"] : [])] : []),
      ...(assets?.declares ?? []),
    ],
    install,
    compile,
    takes: null,
    env: {},
    runEnv: { TMPDIR: "/tmp", ...valuesOf(app.variables) },
    because: `Apache with ${app.root === "" ? "all of the source" : app.root}.`,
    services: [
      { name: "web", run: runApache, port: defaultPort, ready: app.ready, release: app.release, single: false },
      ...app.workers,
    ],
    variables: app.variables,
    build: oneCommand({ install, compile }),
    needs: [
      ...needsOf(
        {
          program: "php",
          version: { range: version.range ?? ">=7.4", printedBy: ["php", "--version"] },
          why: hasPackages ? "composer.json" : `${app.root === "" ? "" : `${app.root}/`}index.php`,
          install: `apt-get install ${[...new Set(["php-cli", "php-mbstring", "php-xml", "php-curl", ...extensions.debian])].join(" ")}`,
        },
        hasPackages,
      ),
      ...(assets?.needs ?? []),
    ],
    warnings: [
      ...version.warnings,
      ...warningsOf(tree, { app, hasPackages, locked, unknown: extensions.unknown }),
      ...(assets?.warnings ?? []),
    ],
  });
}

function commandsOf(app: PhpApp, hasPackages: boolean, assets: Assets | null) {
  const options = "--no-dev --no-interaction --no-progress --prefer-dist --optimize-autoloader";
  return {
    install: [
      ...(hasPackages ? [`composer install ${options} --no-scripts`] : []),
      ...(assets === null ? [] : [assets.install]),
    ],
    compile: [
      ...(hasPackages ? ["composer dump-autoload --no-dev --optimize"] : []),
      ...(assets === null ? [] : [`${assets.compile} && ${assets.remove}`]),
      ...app.prepares,
      apacheConfig(app.root === "" ? "." : app.root),
    ],
  };
}

function extensionLines(names: readonly string[]): readonly string[] {
  return [
    "COPY --from=mlocati/php-extension-installer:2 /usr/bin/install-php-extensions /usr/local/bin/",
    `RUN install-php-extensions ${["opcache", ...names].join(" ")}`,
  ];
}

function needsOf(program: MachineNeed, hasPackages: boolean): readonly MachineNeed[] {
  const server = {
    program: apache,
    why: "PHP",
    // With what Debian recommends, another Apache is started on port 80.
    install: "apt-get install --no-install-recommends libapache2-mod-php",
  };
  const composer = { program: "composer", why: "composer.json", install: "apt-get install composer" };
  return [program, server, ...(hasPackages ? [composer] : [])];
}

interface Doubts {
  readonly app: PhpApp;
  readonly hasPackages: boolean;
  readonly locked: boolean;
  /** Extensions of which nothing is known here. */
  readonly unknown: readonly string[];
}

function warningsOf(tree: Tree, { app, hasPackages, locked, unknown }: Doubts): readonly string[] {
  const web = readProcfile(tree).get("web");
  return [
    ...app.warnings,
    ...(web !== undefined && isReplaced(web)
      ? [`web of Procfile (${web.join(" ")}) is replaced by Apache, which serves ${app.root || "all of the source"}`]
      : []),
    ...(app.root === "" && app.name === "PHP"
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
