import type { Tree } from "../tree.ts";

/** Debian packages that a gem needs to be built, and to run. */
const libraries: Readonly<Record<string, { readonly build: string; readonly run: string }>> = {
  pg: { build: "libpq-dev", run: "libpq5" },
  mysql2: { build: "default-libmysqlclient-dev", run: "libmariadb3" },
  sqlite3: { build: "libsqlite3-dev", run: "libsqlite3-0" },
  rmagick: { build: "libmagickwand-dev", run: "libmagickwand-6.q16-6" },
  "ruby-vips": { build: "libvips-dev", run: "libvips42" },
  image_processing: { build: "libvips-dev", run: "libvips42" },
};

/** The gems that a Gemfile or its lock names, but those of the groups for development and tests alone. */
export function gemsOf(tree: Tree): ReadonlySet<string> {
  const gemfile = (tree.text("Gemfile") ?? "").replace(/#.*/g, "");
  const own = withoutGroups(gemfile).matchAll(
    /^\s*gem[ (]+["']([\w.-]{1,100})["'](?!.*\bgroups?: *\[?:(?:development|test))/gm,
  );
  const locked = (tree.text("Gemfile.lock") ?? "").matchAll(/^ {4}([\w.-]{1,100}) \(/gm);
  const all = [...own].map(([, name = ""]) => name);
  // Only some gems bring a program of their own; what the lock adds is looked up by name.
  return new Set([
    ...all,
    ...[...locked].map(([, name = ""]) => name).filter((name) => name === "puma" || name === "rack"),
  ]);
}

function withoutGroups(text: string): string {
  return text.replace(/^group (?::(?:development|test)(?:, *)?)+ do$[\s\S]*?^end$/gm, "");
}

export function gemPackages(gems: ReadonlySet<string>): {
  readonly build: readonly string[];
  readonly run: readonly string[];
} {
  const needed = Object.entries(libraries).filter(([gem]) => gems.has(gem));
  return {
    build: ["build-essential", "git", "libyaml-dev", "pkg-config", ...needed.map(([, { build }]) => build)],
    run: needed.map(([, { run }]) => run),
  };
}
