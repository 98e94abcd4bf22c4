import { isPlainPath } from "../dockerfile.ts";
import { directoryOf, join, type Tree } from "../tree.ts";
import type { Declared } from "./declared.ts";
import { perhapsRequired, valueForBuild } from "./required.ts";

export interface Django {
  /** Directory of manage.py. */
  readonly directory: string;
  /** `kairo.wsgi`; one of the two is not null. */
  readonly wsgi: string | null;
  readonly asgi: string | null;
  /** The file that names it. */
  readonly because: string;
  /** The settings module for server and manage.py; null where both name it themselves. */
  readonly settings: string | null;
  /** The files that are read when it starts. */
  readonly entries: readonly string[];
  /** Root address lists, to find a readiness path in. */
  readonly urls: readonly string[];
  /** Variables that reading the settings requires, with valueForBuild values for the build; null: nothing to collect. */
  readonly collect: ReadonlyMap<string, string> | null;
  /** Whether the settings name a database, so that there is something to migrate. */
  readonly hasDatabase: boolean;
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
  const ofManage = settingsNamed(tree, manage);
  const [byManage] = settingsFiles(tree, directory, ofManage);
  const found = (key: "WSGI_APPLICATION" | "ASGI_APPLICATION", name: string) =>
    applicationOf(tree, settingsFiles(tree, directory, ofManage), key) ??
    beside(tree, { directory, settings: ofManage, name });
  const wsgi = found("WSGI_APPLICATION", "wsgi");
  const asgi = found("ASGI_APPLICATION", "asgi");
  const server = wsgi ?? asgi;
  if (server === null) return null;
  const ofServer = settingsNamed(tree, fileOf(directory, server));
  const chosen = forProduction(tree, directory, ofServer === "" ? ofManage : ofServer);
  const files = settingsFiles(tree, directory, chosen);
  const collects = files.some((file) => /^[ \t]*STATIC_ROOT[ \t]*=/m.test(tree.text(file) ?? ""));
  return {
    directory,
    wsgi,
    asgi,
    because: byManage ?? manage,
    settings: chosen === ofManage && (ofServer === "" || chosen === ofServer) ? null : chosen,
    entries: [...files, fileOf(directory, server)],
    urls: urlsOf(tree, directory, chosen),
    collect: collects ? neededToRead(tree, files) : null,
    hasDatabase: files.length === 0 || files.some((file) => namesDatabase(tree.text(file) ?? "")),
    warnings: ({ packages }) => [
      ...(collects && !packages.has("whitenoise") ? [noStatic] : []),
      ...debugging(tree, files),
    ],
  };
}

/** Whether settings give a database: without one, or with `DATABASES = {}`, `migrate` fails. */
function namesDatabase(text: string): boolean {
  const code = text.replace(/#.*/g, "").replace(/\bDATABASES\s*(?::[^=\n]*)?=\s*\{\s*\}/g, "");
  return /\bDATABASES\b/.test(code);
}

/** A debug mode that the settings switch on whatever the environment says; the first file overrides those it imports. */
function debugging(tree: Tree, files: readonly string[]): readonly string[] {
  for (const file of files) {
    const [last] = [...(tree.text(file) ?? "").matchAll(/^DEBUG\s*(?::[^=\n]*)?=\s*([^\n#]*)/gm)].slice(-1);
    if (last === undefined) continue;
    if (last[1]?.trim() !== "True") return [];
    return [
      `${file} has DEBUG = True: an error shows visitors code and settings; write DEBUG = os.environ.get("DEBUG") == "1", and ALLOWED_HOSTS with your hosts`,
    ];
  }
  return [];
}

const noStatic =
  "STATIC_ROOT is set, but nothing serves those files in production; declare whitenoise and add its middleware to the settings";

function fileOf(directory: string, module: string): string {
  return join(directory, `${module.replaceAll(".", "/")}.py`);
}

/** The module that a file gives as the default of DJANGO_SETTINGS_MODULE; empty if none. */
function settingsNamed(tree: Tree, file: string): string {
  return (
    /^[^#\n]*DJANGO_SETTINGS_MODULE["']\s*[\],)]?\s*[,=]\s*["']([\w.]{1,200})["']/m.exec(tree.text(file) ?? "")?.[1] ??
    ""
  );
}

/** Settings for development have those for production beside them. */
function forProduction(tree: Tree, directory: string, named: string): string {
  const own = /^(.+\.)(?:local|dev|develop|development|debug|base)$/.exec(named)?.[1];
  const better = ["production", "prod", "live"].map((name) => `${own}${name}`);
  return (own !== undefined && better.find((module) => tree.has(fileOf(directory, module)))) || named;
}

/** A settings module with those that it imports whole. */
function settingsFiles(tree: Tree, directory: string, named: string): readonly string[] {
  if (!moduleName.test(named)) return [];
  const found = new Set<string>();
  const waiting = [fileOf(directory, named), join(directory, `${named.replaceAll(".", "/")}/__init__.py`)];
  for (let file = waiting.shift(); file !== undefined && found.size < 20; file = waiting.shift()) {
    if (found.has(file) || !tree.has(file)) continue;
    found.add(file);
    for (const [, dots = "", module = ""] of (tree.text(file) ?? "").matchAll(
      /^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+\*/gm,
    )) {
      const base = dots === "" ? directory : dots.length === 1 ? directoryOf(file) : directoryOf(directoryOf(file));
      if (module !== "") waiting.push(fileOf(base, module), join(base, `${module.replaceAll(".", "/")}/__init__.py`));
    }
  }
  return [...found];
}

function applicationOf(
  tree: Tree,
  files: readonly string[],
  key: "WSGI_APPLICATION" | "ASGI_APPLICATION",
): string | null {
  const pattern = new RegExp(`^${key}\\s*=\\s*["']([\\w.]{1,200})\\.application["']`, "m");
  const found = files.map((file) => pattern.exec(tree.text(file) ?? "")?.[1]).find((one) => one !== undefined);
  return found !== undefined && moduleName.test(found) ? found : null;
}

interface Beside {
  readonly directory: string;
  readonly settings: string;
  readonly name: string;
}

/** The module that `startproject` puts beside the settings. */
function beside(tree: Tree, { directory, settings, name }: Beside): string | null {
  const top = settings.split(".")[0] ?? "";
  return moduleName.test(top) && tree.has(join(directory, `${top}/${name}.py`)) ? `${top}.${name}` : null;
}

function urlsOf(tree: Tree, directory: string, settings: string): readonly string[] {
  const usual = [`${settings.split(".")[0] ?? ""}/urls.py`, "config/urls.py"].map((file) => join(directory, file));
  return tree.sources(/(?:^|\/)urls\.py$/).filter((path) => usual.includes(path));
}

/** Values for reading the settings during the build. They are in no layer: only one command gets them. */
function neededToRead(tree: Tree, files: readonly string[]): ReadonlyMap<string, string> {
  const names = new Set(["SECRET_KEY", "DJANGO_SECRET_KEY", ...perhapsRequired(tree, files)]);
  return new Map([...names].map((name) => [name, valueForBuild(name)]));
}

/** Collects the static files, with values for reading the settings that only this command gets. */
export function collectCommand({ collect, directory, settings }: Django, python: string): string {
  const values = [...(collect ?? []), ...(settings === null ? [] : [["DJANGO_SETTINGS_MODULE", settings] as const])];
  const variables = values.map(([name, value]) => `${name}=${value} `).join("");
  return `${variables}${python} ${join(directory, "manage.py")} collectstatic --noinput`;
}
