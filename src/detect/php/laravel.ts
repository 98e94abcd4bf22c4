import type { ServiceIdea, VariableIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";

/** Where the database is, as config/database.php reads it: the kind too, unless it has a server by default. */
export function laravelDatabase(tree: Tree): readonly VariableIdea[] {
  const text = tree.text("config/database.php") ?? "";
  const kind = /['"]default['"]\s*=>\s*env\(\s*['"]DB_CONNECTION['"]\s*,\s*['"](\w+)['"]/.exec(text)?.[1];
  const url = /['"]url['"]\s*=>\s*env\(\s*['"]([A-Z][A-Z0-9_]{1,60})['"]\s*[,)]/.exec(text)?.[1] ?? "DB_URL";
  const hasServer = kind !== undefined && kind !== "sqlite";
  return [
    ...(hasServer ? [] : [{ name: "DB_CONNECTION", secret: false, generate: null }]),
    { name: url, secret: true, generate: null },
  ];
}

/** Horizon, or a worker where there are jobs; and what `Schedule` plans, once. */
export function laravelWorkers(tree: Tree, packages: ReadonlySet<string>): readonly ServiceIdea[] {
  const artisan = (name: string, single: boolean, ...words: readonly string[]): ServiceIdea => ({
    name,
    run: ["php", "artisan", ...words],
    port: null,
    ready: null,
    release: null,
    single,
  });
  const worker = packages.has("laravel/horizon")
    ? artisan("worker", false, "horizon")
    : artisan("worker", false, "queue:work");
  const hasJobs = packages.has("laravel/horizon") || tree.hasDirectory("app/Jobs");
  const plans = ["routes/console.php", "bootstrap/app.php", "app/Console/Kernel.php"].some((file) =>
    /^[^/*\n]*(?:\bSchedule::(?!class)|\$schedule->)/m.test(tree.text(file) ?? ""),
  );
  return [...(hasJobs ? [worker] : []), ...(plans ? [artisan("scheduler", true, "schedule:work")] : [])];
}
