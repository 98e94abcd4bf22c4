import { defaultPort, isPlainPath, shell } from "../dockerfile.ts";
import { readProcfile } from "../procfile.ts";
import { djangoRoute, pythonRoute, readyPath } from "../ready.ts";
import { join, type Tree } from "../tree.ts";
import { nothing, type PythonApp } from "./app.ts";
import type { Declared } from "./declared.ts";
import { type Django, findDjango } from "./django.ts";
import { moduleOf } from "./objects.ts";
import { programApp } from "./programs.ts";
import { gunicorn, pythonServer, uvicorn } from "./servers.ts";
import { asgiApp, flaskApp, gradioApp, streamlitApp } from "./web.ts";

export function pythonApp(tree: Tree, declared: Declared): PythonApp | null {
  const found =
    djangoApp(tree, declared) ??
    asgiApp(tree, declared) ??
    flaskApp(tree, declared) ??
    streamlitApp(tree, declared) ??
    gradioApp(tree, declared) ??
    programApp(tree, declared) ??
    plainApp(tree, declared);
  const procfile = readProcfile(tree);
  const [name, command] =
    [...procfile].find(([one]) => one === "web") ??
    (found === null || found.evidence === "name" ? [...procfile].find(([one]) => one !== "release") : undefined) ??
    [];
  if (name === undefined || command === undefined) return found;
  return {
    ...(found ?? { ...nothing, name: "Python" }),
    evidence: "declared",
    process: name,
    command,
    release: procfile.get("release") ?? found?.release ?? null,
    port: name === "web" ? defaultPort : null,
    added: null,
    because: `The line ${name} of the Procfile.`,
  };
}

function djangoApp(tree: Tree, declared: Declared): PythonApp | null {
  if (!declared.packages.has("django") && tree.first(["manage.py"]) === null) return null;
  const django = findDjango(tree);
  if (django === null) return null;
  const { directory } = django;
  const asgi = asgiServer(django, declared);
  const command =
    asgi === "uvicorn"
      ? uvicorn(`${django.asgi}:application`, directory)
      : asgi === "daphne"
        ? daphne(`${django.asgi}:application`, directory)
        : gunicorn(`${django.wsgi}:application`, directory);
  const server = asgi === "daphne" ? nothing : pythonServer(asgi ?? "gunicorn", declared);
  return {
    ...nothing,
    name: `Django with ${asgi ?? "gunicorn"}`,
    command: asgi === "daphne" && directory !== "" ? ["sh", "-c", command] : shell(command),
    because: `The application that ${django.because} names, on a production server.`,
    port: defaultPort,
    ready: readyPath(tree, django.urls, djangoRoute),
    release: django.hasDatabase ? ["python", join(directory, "manage.py"), "migrate", "--noinput"] : null,
    added: server.added,
    django,
    entries: django.entries,
    root: directory,
    warnings: [...server.warnings, ...django.warnings(declared)],
  };
}

/** The server for an ASGI application: for channels, or where nothing else is declared or possible; null: gunicorn. */
function asgiServer({ asgi, wsgi }: Django, { packages, extras }: Declared): "daphne" | "uvicorn" | null {
  if (asgi === null) return null;
  // `channels[daphne]` declares the server too.
  const isDeclared = (one: string) => packages.has(one) || (extras.get("channels") ?? []).includes(one);
  const declared = (["daphne", "uvicorn"] as const).filter(isDeclared);
  if (wsgi === null) return declared[0] ?? "uvicorn";
  if (packages.has("channels")) return declared[0] ?? null;
  return packages.has("gunicorn") ? null : packages.has("uvicorn") ? "uvicorn" : (declared[0] ?? null);
}

/** daphne finds modules only in the working directory. */
function daphne(target: string, directory: string): string {
  const command = `daphne --bind 0.0.0.0 --port $PORT ${target}`;
  return directory === "" ? command : `cd ${directory} && exec ${command}`;
}

/** Words of modules that serve HTTP. */
const serving =
  /\bPORT\b|http\.server|aiohttp|tornado|bottle|sanic|falcon|cherrypy|wsgiref|uvicorn|waitress|gradio|hypercorn|granian|nicegui|fasthtml|robyn|pyramid|socketserver|websockets|grpc/;

/** A program without a known framework: a server if it mentions one, otherwise a worker. */
function plainApp(tree: Tree, declared: Declared): PythonApp | null {
  const start = startOf(tree, declared);
  if (start === null) return null;
  const { file, command, because, self, root } = start;
  const text = file === null ? "" : (tree.text(file) ?? "");
  const serves = serving.test(text);
  const isRobyn = declared.packages.has("robyn");
  const fixed = serves && !isRobyn ? fixedPort(text) : null;
  return {
    ...nothing,
    name: serves ? "Python server" : "Python program",
    evidence: "name",
    process: serves ? "web" : isBot(declared, file) ? "bot" : "worker",
    // Robyn reads these instead of what its `start` is told.
    command: isRobyn ? ["sh", "-c", `ROBYN_HOST=0.0.0.0 ROBYN_PORT=$PORT exec ${command.join(" ")}`] : command,
    because,
    self,
    root,
    entries: file === null ? [] : [file],
    port: serves ? (fixed ?? defaultPort) : null,
    ready: serves && file !== null ? readyPath(tree, [file], pythonRoute) : null,
    warnings:
      fixed === null
        ? []
        : [`${file} listens on port ${fixed} whatever PORT says: write int(os.environ.get("PORT", ${fixed}))`],
  };
}

function isBot({ packages }: Declared, file: string | null): boolean {
  return (
    /(?:^|\/)bot\b/.test(file ?? "") ||
    [...packages].some((name) => /discord|telegram|telebot|aiogram|slack/.test(name))
  );
}

interface Start {
  readonly file: string | null;
  readonly command: readonly string[];
  readonly because: string;
  readonly root: string;
  readonly self: boolean;
}

const usual = "main app server bot run worker src/main src/app src/bot bot/main app/main".split(" ");

/** A file with a usual name, a package that can be run, the project's only command, or the only file with a main part. */
function startOf(tree: Tree, declared: Declared): Start | null {
  const file = tree.first(usual.map((name) => `${name}.py`));
  if (file !== null) return ofFile(tree, file, `${file} is the file with the usual name.`);
  const main = tree.sources(/^(?:src\/)?(?:[A-Za-z_]\w*\/)?__main__\.py$/)[0];
  if (main !== undefined) return ofFile(tree, main, `${main} is what runs.`);
  const script = scriptOf(tree, declared);
  if (script !== null) return script;
  const guarded = tree
    .sources(/\.py$/)
    .filter((one) => isPlainPath(one) && !/(?:^|\/)(?:setup|manage|conftest)\.py$/.test(one))
    .filter((one) => /^if\s+__name__\s*==\s*["']__main__["']/m.test(tree.text(one) ?? ""));
  const [only] = guarded;
  if (guarded.length !== 1 || only === undefined) return null;
  return ofFile(tree, only, `${only} is the only file with a main part.`);
}

/** The only command of the project, with the file that it leads to: `shop = "shop.cli:main"`. */
function scriptOf(tree: Tree, { scripts, installer }: Declared): Start | null {
  const [[name = "", target = ""] = []] = scripts;
  if (scripts.size !== 1 || !/^[\w.-]{1,80}$/.test(name) || installer === "pip" || installer === "pipenv") return null;
  const path = (target.split(":")[0] ?? "").replaceAll(".", "/");
  const file = tree.first(["src/", ""].flatMap((root) => [`${root}${path}.py`, `${root}${path}/__init__.py`]));
  const root = file?.startsWith("src/") ? "src" : "";
  return { file, command: [name], because: `The command ${name} of pyproject.toml.`, root, self: true };
}

/** A module of a package is run as one, so that it finds its neighbours; any other file by its path. */
function ofFile(tree: Tree, file: string, because: string): Start {
  const start = { file, because, self: false };
  const at = moduleOf(tree, file);
  const module = at?.module.replace(/\.__main__$/, "") ?? "";
  if (at === null || (!at.module.includes(".") && module !== "__main__"))
    return { ...start, command: ["python", file], root: at?.root ?? "" };
  if (module === "__main__") return { ...start, command: ["python", file], root: "" };
  if (at.root === "") return { ...start, command: ["python", "-m", module], root: "" };
  return { ...start, command: ["sh", "-c", `PYTHONPATH=${at.root} exec python -m ${module}`], root: at.root };
}

/** A port that the code states and PORT does not change. */
function fixedPort(text: string): number | null {
  const own = /^PORT\s*(?::\s*int\s*)?=\s*(\d{2,5})\s*(?:#.*)?$/m.exec(text);
  if ((own ? /["']PORT["']/ : /\bPORT\b/).test(text) || /\bfrom\s+fasthtml\b/.test(text)) return null;
  const found =
    /\b(?:port\s*=\s*|listen\(\s*|(?:HTTPServer|TCPServer|make_server)\(\s*\(?\s*["'][\w.]*["']\s*,\s*)(\d{2,5})\b/.exec(
      text,
    );
  const port = Number((found ?? own)?.[1] ?? usualPort(text));
  return port > 0 && port < 65_536 ? port : null;
}

/** The port of a server that is told none, by the documentation of each; 0: unknown. */
function usualPort(text: string): number {
  const told = (call: string) => new RegExp(`\\b${call}\\((?![^)]*\\bport\\s*=)`).test(text);
  if (/\baiohttp\b/.test(text) && told("run_app")) return 8080;
  if (/\bnicegui\b/.test(text) && told("ui\\.run")) return 8080;
  if (/\bbottle\b/.test(text) && told("run")) return 8080;
  return /\buvicorn\b/.test(text) && told("uvicorn\\.run") ? 8000 : 0;
}
