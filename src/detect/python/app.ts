import { defaultPort, shell } from "../dockerfile.ts";
import { pins } from "../pins.ts";
import { readProcfile } from "../procfile.ts";
import { djangoRoute, pythonRoute, readyPath } from "../ready.ts";
import type { Tree } from "../tree.ts";
import type { Declared } from "./declared.ts";
import { type Django, findDjango } from "./django.ts";

/** How a Python app is started. */
export interface PythonApp {
  readonly name: string;
  /** Directory of its modules, relative to the source; empty for the top. */
  readonly directory: string;
  readonly command: readonly string[];
  readonly because: string;
  readonly port: number | null;
  readonly ready: string | null;
  readonly release: readonly string[] | null;
  /** A server that must be installed although nothing declares it. */
  readonly added: string | null;
  readonly django: Django | null;
  readonly warnings: readonly string[];
}

/** Usual files of the application object, the most specific first. */
const usual = /(?:^|\/)(?:main|app|application|server|asgi|wsgi|api|run|__init__)\.py$/;

export function pythonApp(tree: Tree, declared: Declared): PythonApp | null {
  const found =
    djangoApp(tree, declared) ??
    asgiApp(tree, declared) ??
    flaskApp(tree, declared) ??
    streamlitApp(tree, declared) ??
    plainApp(tree);
  const web = readProcfile(tree).get("web");
  if (!web) return found;
  const release = readProcfile(tree).get("release") ?? found?.release ?? null;
  const base = found ?? { ...nothing, name: "Python", directory: "" };
  return { ...base, command: web, release, port: defaultPort, added: null, because: "The line web of the Procfile." };
}

const nothing = { ready: null, release: null, added: null, django: null, warnings: [] as readonly string[] };

function djangoApp(tree: Tree, declared: Declared): PythonApp | null {
  if (!declared.packages.has("django") && tree.first(["manage.py"]) === null) return null;
  const django = findDjango(tree);
  if (django === null) return null;
  const { packages } = declared;
  const asgi =
    django.asgi !== null && !packages.has("gunicorn") && ["uvicorn", "daphne"].find((one) => packages.has(one));
  const command =
    asgi === "uvicorn"
      ? uvicorn(`${django.asgi}:application`)
      : asgi === "daphne"
        ? `daphne --bind 0.0.0.0 --port $PORT ${django.asgi}:application`
        : gunicorn(`${django.wsgi}:application`);
  const missing = !asgi && !packages.has("gunicorn");
  return {
    ...nothing,
    name: `Django with ${asgi || "gunicorn"}`,
    directory: django.directory,
    command: shell(command),
    because: `The application that ${django.because} names, on a production server.`,
    port: defaultPort,
    ready: readyPath(tree, django.urls, djangoRoute),
    release: ["python", "manage.py", "migrate", "--noinput"],
    added: missing ? `gunicorn==${pins.gunicorn}` : null,
    django,
    warnings: [...(missing ? [undeclared("gunicorn", declared)] : []), ...django.warnings(declared)],
  };
}

function undeclared(server: "gunicorn" | "uvicorn", { file }: Declared): string {
  return `${file} does not declare the server ${server}; ${pins[server]} is added – write "${server}>=${pins[server].split(".").slice(0, 2).join(".")}" into ${file} to choose it yourself`;
}

function asgiApp(tree: Tree, declared: Declared): PythonApp | null {
  const name = declared.packages.has("fastapi") ? "FastAPI" : declared.packages.has("starlette") ? "Starlette" : null;
  if (name === null) return null;
  const object = findObject(tree, /^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:fastapi\.)?(?:FastAPI|Starlette)\(/m);
  const target =
    object ?? findFactory(tree, /^(?:async\s+)?def\s+(create_app|make_app|get_app)\s*\(/m, /\b(?:FastAPI|Starlette)\(/);
  if (target === null) return null;
  const has =
    declared.packages.has("uvicorn") ||
    declared.extras.get("fastapi")?.some((extra) => extra === "standard" || extra === "all");
  return {
    ...nothing,
    name: `${name} with uvicorn`,
    directory: target.root,
    command: shell(uvicorn(`${target.module}:${target.name}`, object === null)),
    because: `The application in ${target.file}, on the usual server for ${name}.`,
    port: defaultPort,
    ready: readyPath(tree, tree.sources(/\.py$/), pythonRoute),
    added: has ? null : `uvicorn==${pins.uvicorn}`,
    warnings: has ? [] : [undeclared("uvicorn", declared)],
  };
}

function flaskApp(tree: Tree, declared: Declared): PythonApp | null {
  if (!declared.packages.has("flask")) return null;
  const object = findObject(tree, /^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:flask\.)?(?:Flask|create_app|make_app)\(/m);
  const target =
    object ?? findFactory(tree, /^def\s+(create_app|make_app)\s*\(\s*(?:\)|\w[^,)=]{0,200}=)/m, /\bFlask\(/);
  if (target === null) return null;
  const missing = !declared.packages.has("gunicorn");
  const call = object === null ? `'${target.module}:${target.name}()'` : `${target.module}:${target.name}`;
  return {
    ...nothing,
    name: "Flask with gunicorn",
    directory: target.root,
    command: shell(gunicorn(call)),
    because: `The application in ${target.file}, on a production server.`,
    port: defaultPort,
    ready: readyPath(tree, tree.sources(/\.py$/), pythonRoute),
    release:
      tree.hasDirectory("migrations") && declared.packages.has("flask-migrate")
        ? ["flask", "--app", target.module, "db", "upgrade"]
        : null,
    added: missing ? `gunicorn==${pins.gunicorn}` : null,
    warnings: missing ? [undeclared("gunicorn", declared)] : [],
  };
}

function streamlitApp(tree: Tree, { packages }: Declared): PythonApp | null {
  if (!packages.has("streamlit")) return null;
  const file = tree.first(["streamlit_app.py", "app.py", "main.py", "Home.py", "src/app.py"]);
  if (file === null) return null;
  const command = `streamlit run ${file} --server.port $PORT --server.address 0.0.0.0 --server.headless true --browser.gatherUsageStats false`;
  return {
    ...nothing,
    name: "Streamlit",
    directory: "",
    command: shell(command),
    because: `The page in ${file}.`,
    port: defaultPort,
    ready: "/_stcore/health",
  };
}

/** A program without a known framework: a server if it mentions one, otherwise a worker. */
function plainApp(tree: Tree): PythonApp | null {
  const file = tree.first([
    "main.py",
    "app.py",
    "server.py",
    "bot.py",
    "run.py",
    "src/main.py",
    "src/app.py",
    "__main__.py",
    "src/__main__.py",
  ]);
  if (file === null) return null;
  const text = tree.text(file) ?? "";
  const serves =
    /\bPORT\b|http\.server|aiohttp|tornado|bottle|sanic|falcon|cherrypy|wsgiref|uvicorn|waitress|gradio/.test(text);
  return {
    ...nothing,
    name: serves ? "Python server" : "Python program",
    directory: "",
    command: ["python", file],
    because: `${file} is the file with the usual name.`,
    port: serves ? defaultPort : null,
    ready: serves ? readyPath(tree, [file], pythonRoute) : null,
  };
}

export interface PythonObject {
  readonly file: string;
  /** `app.main`, with dots instead of slashes. */
  readonly module: string;
  readonly name: string;
  /** The directory in which the module is found. */
  readonly root: string;
}

/** The module-level name that a pattern's first group finds, in the file with the most usual name. */
export function findObject(tree: Tree, pattern: RegExp): PythonObject | null {
  const files = tree.sources(/\.py$/);
  const ordered = [...files.filter((file) => usual.test(file)), ...files.filter((file) => !usual.test(file))];
  for (const file of ordered) {
    const name = pattern.exec(tree.text(file) ?? "")?.[1];
    const at = name === undefined ? null : moduleOf(file);
    if (name !== undefined && at !== null) return { file, name, ...at };
  }
  return null;
}

function findFactory(tree: Tree, pattern: RegExp, inside: RegExp): PythonObject | null {
  for (const file of tree.sources(/\.py$/)) {
    const text = tree.text(file) ?? "";
    const name = inside.test(text) ? pattern.exec(text)?.[1] : undefined;
    const at = name === undefined ? null : moduleOf(file);
    if (name !== undefined && at !== null) return { file, name, ...at };
  }
  return null;
}

/**
 * `app/main.py` as a module; the directory `src` contains modules and is not one. Null if a part is not a Python name.
 */
export function moduleOf(file: string): { module: string; root: string } | null {
  const root = file.startsWith("src/") ? "src" : "";
  const module = file
    .slice(root === "" ? 0 : 4)
    .replace(/(?:\/?__init__)?\.py$/, "")
    .replaceAll("/", ".");
  return /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(module) && module.length < 200 ? { module, root } : null;
}

/** Threads beside processes: a slow answer does not stop a whole process (kairo's own numbers, R041). */
function gunicorn(target: string): string {
  return `gunicorn ${target} --bind 0.0.0.0:$PORT --workers \${WEB_CONCURRENCY:-4} --threads 2`;
}

function uvicorn(target: string, factory = false): string {
  return `uvicorn ${target}${factory ? " --factory" : ""} --host 0.0.0.0 --port $PORT`;
}
