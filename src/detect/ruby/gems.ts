/** Debian packages that a gem needs to be built, and to run. */
const libraries: Readonly<Record<string, { readonly build: string; readonly run: string }>> = {
  pg: { build: "libpq-dev", run: "libpq5" },
  mysql2: { build: "default-libmysqlclient-dev", run: "libmariadb3" },
  sqlite3: { build: "libsqlite3-dev", run: "libsqlite3-0" },
  rmagick: { build: "libmagickwand-dev", run: "libmagickwand-6.q16-6" },
  "ruby-vips": { build: "libvips-dev", run: "libvips42" },
  image_processing: { build: "libvips-dev", run: "libvips42" },
};

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

/** Gems that call Node, or a package manager of Node, while assets are compiled. */
const callers = /^(?:(?:js|css)bundling-rails|vite_(?:rails|ruby)|webpacker|shakapacker|react_on_rails)$/;
/** Gems that look for a runtime of JavaScript; mini_racer brings one. */
const compilers = /^(?:uglifier|terser|coffee-rails|autoprefixer-rails|babel-transpiler)$/;

/** How assets use Node: with the packages of package.json, as a runtime, or not. */
export function nodeOf(gems: ReadonlySet<string>): "packages" | "runtime" | null {
  if ([...gems].some((gem) => callers.test(gem))) return "packages";
  return [...gems].some((gem) => compilers.test(gem)) && !gems.has("mini_racer") ? "runtime" : null;
}
