import { defaultPort, isPlainPath, shell } from "../dockerfile.ts";
import { pythonRoute, readyPath } from "../ready.ts";
import type { Tree } from "../tree.ts";
import { nothing, type PythonApp } from "./app.ts";
import type { Declared } from "./declared.ts";
import { findObject, type PythonObject } from "./objects.ts";
import { gunicorn, pythonServer, uvicorn } from "./servers.ts";

/** A framework whose own program, or a server for its application object, runs an app. */
interface Framework {
  readonly name: string;
  readonly package: string;
  /** The application object of a module: the pattern's first group is its name. Null: the file is what runs. */
  readonly object: RegExp | null;
  /** A server that must be installed. */
  readonly server: "gunicorn" | "uvicorn" | null;
  /** From `module:name`, the directory of the module, and the file. */
  readonly command: (target: string, root: string, file: string) => string;
}

const assigned = (call: string) => new RegExp(`^(\\w+)\\s*(?::\\s*[\\w.]+\\s*)?=\\s*${call}\\(`, "m");

/** Each as its documentation says how to deploy it. */
const frameworks: readonly Framework[] = [
  {
    name: "Dash",
    package: "dash",
    // An instance of Dash is a WSGI application; in older versions its `server` is.
    object: /^(\w+)\s*=\s*\w+\.server\b/m,
    server: "gunicorn",
    command: (target, root) => gunicorn(target, root),
  },
  {
    name: "Dash",
    package: "dash",
    object: assigned("(?:dash\\.)?Dash"),
    server: "gunicorn",
    command: (target, root) => gunicorn(target, root),
  },
  {
    name: "Falcon",
    package: "falcon",
    object: assigned("falcon\\.asgi\\.App"),
    server: "uvicorn",
    command: (target, root) => uvicorn(target, root),
  },
  {
    name: "Falcon",
    package: "falcon",
    object: assigned("falcon\\.(?:App|API)"),
    server: "gunicorn",
    command: (target, root) => gunicorn(target, root),
  },
  {
    name: "BlackSheep",
    package: "blacksheep",
    object: assigned("(?:blacksheep\\.)?Application"),
    server: "uvicorn",
    command: (target, root) => uvicorn(target, root),
  },
  {
    name: "Sanic",
    package: "sanic",
    object: assigned("(?:sanic\\.)?Sanic"),
    server: null,
    command: (target, root) => `${inRoot(root)}sanic ${target} --host=0.0.0.0 --port=$PORT`,
  },
  {
    name: "aiohttp",
    package: "aiohttp",
    object: assigned("(?:aiohttp\\.)?web\\.Application"),
    server: "gunicorn",
    command: (target, root) => `${gunicorn(target, root)} --worker-class aiohttp.GunicornWebWorker`,
  },
  {
    name: "Panel",
    package: "panel",
    object: null,
    server: null,
    command: (_target, _root, file) =>
      `panel serve ${file} --address 0.0.0.0 --port $PORT --allow-websocket-origin '*'`,
  },
  {
    name: "Bokeh",
    package: "bokeh",
    object: null,
    server: null,
    command: (_target, _root, file) =>
      `bokeh serve ${file} --address 0.0.0.0 --port $PORT --allow-websocket-origin '*'`,
  },
  {
    name: "Chainlit",
    package: "chainlit",
    object: null,
    server: null,
    command: (_target, _root, file) => `chainlit run ${file} --host 0.0.0.0 --port $PORT --headless`,
  },
  {
    name: "Shiny",
    package: "shiny",
    object: null,
    server: null,
    command: (_target, _root, file) => `shiny run ${file} --host 0.0.0.0 --port $PORT`,
  },
  {
    name: "marimo",
    package: "marimo",
    object: null,
    server: null,
    command: (_target, _root, file) => `marimo run ${file} --host 0.0.0.0 --port $PORT --headless`,
  },
];

/** Modules are found from the directory that a command is started in, unless PYTHONPATH says more. */
function inRoot(root: string): string {
  return root === "" ? "" : `env PYTHONPATH=${root} `;
}

/** An app of a framework that is started by its own program; null: none of them. */
export function programApp(tree: Tree, declared: Declared): PythonApp | null {
  for (const framework of frameworks.filter((one) => declared.packages.has(one.package))) {
    const found = framework.object === null ? fileOf(tree, framework.package) : findObject(tree, framework.object);
    if (found === null || !canBeImported(tree, framework, found)) continue;
    const { name, server, command } = framework;
    return {
      ...nothing,
      name: server === null ? name : `${name} with ${server}`,
      command: shell(command(`${found.module}:${found.name}`, found.root, found.file)),
      because: `The application in ${found.file}, as ${name} is run in production.`,
      port: defaultPort,
      ready: readyPath(tree, [found.file], pythonRoute),
      entries: [found.file],
      root: found.root,
      ...(server === null ? {} : pythonServer(server, declared)),
    };
  }
  return null;
}

/** A file that says the port itself when it is started as a program, or that serves as soon as it is imported, is one. */
function canBeImported(tree: Tree, { object }: Framework, { file }: PythonObject): boolean {
  const text = tree.text(file) ?? "";
  return object === null || !(/\bPORT\b/.test(text) || /^(?:\w+\.)?run(?:_app|_server)?\(/m.test(text));
}

/** The file that a program is given: with a usual name, or the first at the top that imports the framework. */
function fileOf(tree: Tree, name: string): PythonObject | null {
  const pattern = new RegExp(`^(?:import|from)\\s+${name}\\b`, "m");
  const files = tree.sources(/\.py$/).filter((file) => isPlainPath(file) && pattern.test(tree.text(file) ?? ""));
  const file = files.find((one) => /(?:^|\/)(?:app|main|server)\.py$/.test(one)) ?? files[0];
  return file === undefined ? null : { file, module: "", name: "", root: "" };
}
