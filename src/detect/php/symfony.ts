import type { VariableIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";

/** Variables of every Symfony app that have a value without being asked for. */
const given = /^(?:APP_ENV|APP_DEBUG|APP_SECRET|APP_RUNTIME\w*|KERNEL_\w+|PORT)$/;

/**
 * Variables that the configuration reads without a default: `%env(MAILER_DSN)%`, `%env(resolve:DATABASE_URL)%`. Their
 * defaults in `.env` are no part of a source (symfony.com, "Environment Variable Processors").
 */
export function symfonyEnv(tree: Tree): readonly VariableIdea[] {
  const files = [...tree.paths].filter((path) => /^config\/(?!packages\/(?:dev|test)\/).*\.(?:ya?ml|php)$/.test(path));
  const texts = files
    .sort()
    .slice(0, 300)
    .map((path) => (tree.text(path) ?? "").replace(/^\s*(?:#|\/\/).*$/gm, ""));
  // A section for another environment ends with the file or at the next word at the margin.
  const all = texts.map((text) => text.replace(/^when@(?:dev|test):(?:.*\n(?:[ \t].*|[ \t]*)$)*/gm, "")).join("\n");
  const defaults = new Set([...all.matchAll(/\benv\(([A-Z][A-Z0-9_]{1,60})\)['"]?\s*:/g)].map(([, name = ""]) => name));
  const read = [...all.matchAll(/%env\((?!(?:\w+:)*default:)(?:[\w.]+:)*([A-Z][A-Z0-9_]{1,60})\)%/g)];
  return [...new Set(read.map(([, name = ""]) => name))]
    .filter((name) => !given.test(name) && !defaults.has(name))
    .slice(0, 50)
    .map((name) => ({ name, secret: /KEY|SECRET|TOKEN|PASSWORD|PASSPHRASE|URL$|DSN/.test(name), generate: null }));
}

/** What makes an app ready for production, with harmless values for what its configuration demands. */
export function symfonyCommands(packages: ReadonlySet<string>, demanded: readonly VariableIdea[]): readonly string[] {
  const value = (name: string) =>
    name === "DATABASE_URL"
      ? "sqlite:///build.db"
      : /_DSN$/.test(name)
        ? "null://null"
        : /URL$|_URI$/.test(name)
          ? "http://localhost"
          : "build";
  const harmless = demanded.map(({ name }) => `${name}=${value(name)} `).join("");
  const console = `APP_ENV=prod APP_SECRET=build ${harmless}php bin/console`;
  const mapper = packages.has("symfony/asset-mapper") ? ["importmap:install", "asset-map:compile"] : [];
  // Symfony reads .env even if everything comes from the environment.
  return ["touch .env", ...["cache:clear", "assets:install public", ...mapper].map((words) => `${console} ${words}`)];
}
