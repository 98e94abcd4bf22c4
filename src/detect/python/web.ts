import { defaultPort, isPlainPath, shell } from "../dockerfile.ts";
import { pythonRoute, readyPath } from "../ready.ts";
import type { Tree } from "../tree.ts";
import { nothing, type PythonApp } from "./app.ts";
import type { Declared } from "./declared.ts";
import { findFactory, findObject } from "./objects.ts";
import { gunicorn, pythonServer, uvicorn } from "./servers.ts";

/** Frameworks with an ASGI application: the package, and the class of the application. */
const asgi = [
  ["fastapi", "FastAPI"],
  ["litestar", "Litestar"],
  ["quart", "Quart"],
  ["starlette", "Starlette"],
] as const;
const factories = "(?:create|make|get|build)_app(?:lication)?";

export function asgiApp(tree: Tree, declared: Declared): PythonApp | null {
  const found = asgi.find(([name]) => declared.packages.has(name));
  if (found === undefined) return null;
  const [framework, kind] = found;
  const object =
    findObject(tree, new RegExp(`^(\\w+)\\s*(?::\\s*[\\w.]+\\s*)?=\\s*(?:\\w+\\.)?${kind}(?:\\[.*\\])?\\(`, "m")) ??
    findObject(tree, new RegExp(`^(\\w+)\\s*(?::\\s*[\\w.]+\\s*)?=\\s*(?:\\w+\\.)?${factories}\\(`, "m"));
  const target =
    object ??
    findFactory(
      tree,
      new RegExp(`^(?:async\\s+)?def\\s+(${factories})\\s*\\(\\s*(?:\\)|\\w[^,)=]{0,200}=)`, "m"),
      new RegExp(`\\b${kind}\\(`),
    );
  if (target === null) return null;
  if (servesOnImport(tree, target.file, "uvicorn")) return null;
  const own = framework === "quart" && !declared.packages.has("uvicorn");
  const name = `${target.module}:${target.name}`;
  const call = object === null ? `'${name}()'` : name;
  const place = target.root === "" ? "" : `env PYTHONPATH=${target.root} `;
  return {
    ...nothing,
    name: `${kind} with ${own ? "hypercorn" : "uvicorn"}`,
    command: shell(
      own ? `${place}hypercorn ${call} --bind 0.0.0.0:$PORT` : uvicorn(name, target.root, object === null),
    ),
    entries: [target.file],
    root: target.root,
    because: `The application in ${target.file}, on the usual server for ${kind}.`,
    port: defaultPort,
    ready: readyPath(tree, tree.sources(/\.py$/), pythonRoute),
    release: alembic(tree, declared),
    ...(own ? {} : pythonServer("uvicorn", declared)),
  };
}

/** Whether a file starts a server as soon as it is imported, so that no other can import it: `uvicorn.run(…)` at its top. */
function servesOnImport(tree: Tree, file: string, server: string): boolean {
  return new RegExp(`^${server}\\.run\\(`, "m").test(tree.text(file) ?? "");
}

/** Migrations of SQLAlchemy, where its tool is set up at the top. */
function alembic(tree: Tree, { packages }: Declared): readonly string[] | null {
  return tree.has("alembic.ini") && packages.has("alembic") ? ["alembic", "upgrade", "head"] : null;
}

export function flaskApp(tree: Tree, declared: Declared): PythonApp | null {
  if (!declared.packages.has("flask")) return null;
  const object = findObject(
    tree,
    new RegExp(`^(\\w+)\\s*(?::\\s*[\\w.]+\\s*)?=\\s*(?:\\w+\\.)?(?:Flask|${factories})\\(`, "m"),
    flaskFile(tree),
  );
  const target =
    object ??
    findFactory(tree, new RegExp(`^def\\s+(${factories})\\s*\\(\\s*(?:\\)|\\w[^,)=]{0,200}=)`, "m"), /\bFlask\(/);
  if (target === null) return null;
  const call = object === null ? `'${target.module}:${target.name}()'` : `${target.module}:${target.name}`;
  // Flask then ignores `app.run()` (its source, "Ignoring a call").
  const quiet = servesOnImport(tree, target.file, target.name) ? "env FLASK_RUN_FROM_CLI=true " : "";
  return {
    ...nothing,
    name: "Flask with gunicorn",
    command: shell(`${quiet}${gunicorn(call, target.root)}`),
    entries: [target.file],
    root: target.root,
    because: `The application in ${target.file}, on a production server.`,
    port: defaultPort,
    ready: readyPath(tree, tree.sources(/\.py$/), pythonRoute),
    release:
      tree.hasDirectory("migrations") && declared.packages.has("flask-migrate")
        ? ["flask", "--app", `${target.root === "" ? "" : `${target.root}/`}${target.module}`, "db", "upgrade"]
        : alembic(tree, declared),
    ...pythonServer("gunicorn", declared),
  };
}

/** The file that FLASK_APP names in .flaskenv: `shop`, `shop.app:create_app`, `hello.py`. */
function flaskFile(tree: Tree): RegExp | undefined {
  const named = /^(?:export\s+)?FLASK_APP\s*=\s*["']?([\w./]{1,200})/m.exec(tree.text(".flaskenv") ?? "")?.[1];
  if (named === undefined) return undefined;
  const path = named.replace(/\.py$/, "").replace(/^\.\//, "").replaceAll(".", "/");
  return new RegExp(`^(?:src/)?${path}(?:/__init__)?\\.py$`);
}

export function streamlitApp(tree: Tree, { packages }: Declared): PythonApp | null {
  if (!packages.has("streamlit")) return null;
  const file =
    tree.first([
      "streamlit_app.py",
      "app.py",
      "main.py",
      "Home.py",
      "src/streamlit_app.py",
      "src/app.py",
      "src/main.py",
    ]) ?? fileWith(tree, /^(?:import|from)\s+streamlit\b/m);
  if (file === null) return null;
  return {
    ...nothing,
    name: "Streamlit",
    command: shell(
      `streamlit run ${file} --server.port $PORT --server.address 0.0.0.0 --server.headless true --browser.gatherUsageStats false`,
    ),
    entries: [file],
    because: `The page in ${file}.`,
    port: defaultPort,
    ready: "/_stcore/health",
  };
}

/** Gradio reads its address from the environment (gradio.app, "Environment Variables"). */
export function gradioApp(tree: Tree, { packages }: Declared): PythonApp | null {
  const file = packages.has("gradio") ? fileWith(tree, /\.launch\(/) : null;
  if (file === null) return null;
  const port = Number(/\bserver_port\s*=\s*(\d{2,5})\b/.exec(tree.text(file) ?? "")?.[1] ?? 0) || null;
  return {
    ...nothing,
    name: "Gradio",
    command: ["sh", "-c", `GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=$PORT exec python ${file}`],
    entries: [file],
    because: `The interface in ${file}.`,
    port: port ?? defaultPort,
    warnings:
      port === null
        ? []
        : [
            `${file} listens on port ${port} whatever PORT says: leave server_port out, and Gradio reads GRADIO_SERVER_PORT`,
          ],
  };
}

function fileWith(tree: Tree, pattern: RegExp): string | null {
  const files = tree.sources(/\.py$/).filter((file) => isPlainPath(file));
  return files.find((file) => pattern.test(tree.text(file) ?? "")) ?? null;
}
