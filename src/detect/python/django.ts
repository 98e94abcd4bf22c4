import { isPlainPath } from "../dockerfile.ts";
import { directoryOf, join, type Tree } from "../tree.ts";
import type { Declared } from "./declared.ts";

export interface Django {
  /** Directory of manage.py. */
  readonly directory: string;
  /** `kairo.wsgi` */
  readonly wsgi: string;
  readonly asgi: string | null;
  /** The file that names it. */
  readonly because: string;
  /** Root address lists, to find a readiness path in. */
  readonly urls: readonly string[];
  /** Variables that reading the settings requires, with harmless values for the build; null: nothing to collect. */
  readonly collect: ReadonlyMap<string, string> | null;
  /** Variables that the settings read without a default. */
  readonly demands: readonly string[];
  warnings(declared: Declared): readonly string[];
}

const moduleName = /^[A-Za-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){0,8}$/;

/** A Django project by its manage.py and settings. */
export function findDjango(tree: Tree): Django | null {
  const manage = [...tree.paths]
    .filter((path) => /^(?:[\w.-]+\/){0,2}manage\.py$/.test(path) && isPlainPath(path))
    .sort((a, b) => a.split("/").length - b.split("/").length)[0];
  if (manage === undefined) return null;
  const directory = directoryOf(manage);
  const named = /DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]{1,200})["']/.exec(tree.text(manage) ?? "")?.[1] ?? "";
  const settings = settingsFiles(tree, directory, named);
  const text = settings.map((file) => tree.text(file) ?? "").join("\n");
  const wsgi = applicationOf(text, "WSGI_APPLICATION") ?? beside(tree, { directory, settings: named, name: "wsgi" });
  if (wsgi === null) return null;
  const collects = /^[ \t]*STATIC_ROOT[ \t]*=/m.test(text);
  return {
    directory,
    wsgi,
    asgi: applicationOf(text, "ASGI_APPLICATION") ?? beside(tree, { directory, settings: named, name: "asgi" }),
    because: settings[0] ?? manage,
    urls: tree
      .sources(/(?:^|\/)urls\.py$/)
      .filter(
        (path) =>
          path === join(directory, `${named.split(".")[0] ?? ""}/urls.py`) ||
          path === join(directory, "config/urls.py"),
      ),
    collect: collects ? neededToRead(text) : null,
    demands: demandedIn(text),
    warnings: ({ packages }) => (collects && !packages.has("whitenoise") ? [noStatic] : []),
  };
}

const noStatic =
  "STATIC_ROOT is set, but nothing serves those files in production; declare whitenoise and add its middleware to the settings";

/** The settings module, and the ones beside it when it is a package. */
function settingsFiles(tree: Tree, directory: string, named: string): readonly string[] {
  if (!moduleName.test(named)) return [];
  const path = join(directory, named.replaceAll(".", "/"));
  const folder = tree.has(`${path}.py`) ? directoryOf(`${path}.py`) : path;
  const siblings = /(?:^|\/)settings$/.test(folder)
    ? [...tree.paths].filter((file) => directoryOf(file) === folder && file.endsWith(".py")).slice(0, 20)
    : [];
  return [...new Set([`${path}.py`, ...siblings])].filter((file) => tree.has(file));
}

function applicationOf(settings: string, key: "WSGI_APPLICATION" | "ASGI_APPLICATION"): string | null {
  const found = new RegExp(`^${key}\\s*=\\s*["']([\\w.]{1,200})\\.application["']`, "m").exec(settings)?.[1];
  return found !== undefined && moduleName.test(found) ? found : null;
}

interface Beside {
  readonly directory: string;
  readonly settings: string;
  readonly name: "wsgi" | "asgi";
}

/** The module that `startproject` puts beside the settings. */
function beside(tree: Tree, { directory, settings, name }: Beside): string | null {
  const top = settings.split(".")[0] ?? "";
  return moduleName.test(top) && tree.has(join(directory, `${top}/${name}.py`)) ? `${top}.${name}` : null;
}

/** Ways to read a variable that fail without one: os.environ[…], decouple's config and environ's env. */
const demanded =
  /(?:os\.environ\[|(?:^|[^.\w])environ\[|\bconfig\(|\benv(?:\.(?:str|bool|int|float|list|db|url|cache|json))?\()\s*["']([A-Z][A-Z0-9_]{0,63})["'](?![^)\n]{0,200}\bdefault)/gm;

/** Values for reading the settings during the build. They are in no layer: only one command gets them. */
function neededToRead(settings: string): ReadonlyMap<string, string> {
  const names = new Set(["SECRET_KEY", "DJANGO_SECRET_KEY", ...demandedIn(settings)]);
  return new Map([...names].map((name) => [name, harmless(name)]));
}

function demandedIn(settings: string): readonly string[] {
  // `Env(DEBUG=(bool, False))` of environ gives a default everywhere.
  const schemed = new Set(
    [...settings.matchAll(/\b([A-Z][A-Z0-9_]{0,63})\s{0,3}=\s{0,3}\(\s{0,3}\w+\s{0,3},/g)].map((found) => found[1]),
  );
  const names = [...settings.matchAll(demanded)].map((found) => found[1] ?? "").filter((name) => !schemed.has(name));
  return [...new Set(names)].slice(0, 30);
}

function harmless(name: string): string {
  if (/DATABASE_URL|DB_URL/.test(name)) return "sqlite:////tmp/build.db";
  if (/REDIS|BROKER|CACHE_URL/.test(name)) return "redis://localhost:6379/0";
  if (/URL|ORIGIN/.test(name)) return "http://localhost";
  if (/HOST/.test(name)) return "localhost";
  if (/PORT|TIMEOUT|COUNT|SIZE|SECONDS|MAX|LIMIT/.test(name)) return "1";
  return /DEBUG|ENABLE|^USE_|_ON$|SSL|SECURE|TLS/.test(name) ? "False" : "only-for-building";
}
