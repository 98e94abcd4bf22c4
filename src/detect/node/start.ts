import { join, type Tree } from "../tree.ts";
import { type FrameworkServer, type FrontEnd, serverOf } from "./frameworks.ts";
import { type NodePackage, uses } from "./package.ts";
import { scriptCommand } from "./script.ts";

export interface Start {
  readonly command: readonly string[];
  /** Where the command comes from, for the comment. */
  readonly because: string;
  /** A package that must be in the image for it to start; null if Node is enough. */
  readonly needs: string | null;
  readonly warnings?: readonly string[];
  /** The process of a Procfile without `web`; absent: the service answers HTTP. */
  readonly process?: string;
}

/** Development servers, and programs that only preview a build. */
const forEditing =
  /^(?:vite|react-scripts|ng|vue-cli-service|webpack(?:-dev-server)?|parcel|nodemon|ts-node-dev|tsx\s+watch|node\s+--watch|nest\s+start|next\s+dev|nuxt\s+(?:dev|preview)|remix\s+|react-router\s+dev|astro|gatsby|docusaurus|eleventy|serve|http-server|concurrently)(?:\s|$)/;

/** Usual file names of servers, the most specific first. */
const usual = [
  "server",
  "src/server",
  "index",
  "src/index",
  "app",
  "src/app",
  "main",
  "src/main",
  "dist/index",
  "dist/server",
];

/** How a package is started in production, or null if unknown. */
export function startOf(tree: Tree, one: NodePackage, built: boolean): Start | null {
  const server = serverOf(one);
  return scripted(one, server) ?? ownStart(server) ?? byFile(tree, one, { server, built });
}

/** Scripts that start an app in production, the most specific first; `serve:ssr:NAME` is Angular's. */
function startScripts({ scripts }: NodePackage): readonly string[] {
  const angular = [...scripts.keys()].filter((name) => name.startsWith("serve:ssr"));
  return ["start:prod", "start:production", "start", ...angular];
}

function scripted(one: NodePackage, server: FrameworkServer | null): Start | null {
  for (const name of startScripts(one)) {
    const found = scriptCommand(one, name);
    if (found === null || forEditing.test(found.program)) continue;
    const { command, program, warnings } = found;
    return {
      command,
      because: `The script "${name}" of package.json.`,
      needs: neededBy(program, one, server),
      warnings,
    };
  }
  return null;
}

/** The package of the first program of a command, by its name. */
function neededBy(program: string, one: NodePackage, server: FrameworkServer | null): string | null {
  const word = /^[\w@/.-]+/.exec(program)?.[0] ?? "";
  if (uses(one, word)) return word;
  return server?.start?.[0] === word && word !== "node" ? server.package : null;
}

function ownStart(server: FrameworkServer | null): Start | null {
  if (!server?.start) return null;
  return {
    command: server.start,
    because: `How ${server.name} is started in production.`,
    needs: server.start[0] === "node" ? null : server.package,
  };
}

/** The file that `main` names, or one with a usual name. Compiled files need not exist before the build. */
function byFile(
  tree: Tree,
  one: NodePackage,
  { server, built }: { server: FrameworkServer | null; built: boolean },
): Start | null {
  const main = one.main?.replace(/^\.\//, "") ?? null;
  const plain = main !== null && /^[\w@-][\w@./-]*$/.test(main) && !main.includes("..");
  if (plain && (tree.has(join(one.directory, main)) || (built && /^(?:dist|build|lib|out)\//.test(main)))) {
    return { command: ["node", main], because: `The file that "main" of package.json names.`, needs: null };
  }
  const endings = ["js", "mjs", "cjs", "ts", "mts"];
  const files = usual.flatMap((name) => endings.map((ending) => `${name}.${ending}`));
  const file = files.find((name) => tree.has(join(one.directory, name)));
  if (file === undefined || (server === null && !answersHttp(tree, join(one.directory, file)))) return null;
  const program = /\bBun\.\w/.test(tree.text(join(one.directory, file)) ?? "") ? "bun" : "node";
  return { command: [program, file], because: "The file with the usual name of a server.", needs: null };
}

function answersHttp(tree: Tree, file: string): boolean {
  return /\bcreateServer\s*\(|\.listen\s*\(|\bBun\.serve\b/.test(tree.text(file) ?? "");
}

/** A start script that only serves files: `serve -s build`, `http-server dist`. */
export function servedFiles(one: NodePackage): FrontEnd | null {
  const program = startScripts(one)
    .map((name) => scriptCommand(one, name)?.program)
    .find((found) => found !== undefined);
  const [name = "", ...words] = program?.split(/\s+/) ?? [];
  if (!/^(?:serve|http-server|sirv|sirv-cli)$/.test(name)) return null;
  const output =
    words.find((word, i) => /^[\w][\w./-]*$/.test(word) && !/^-[lpcn]$|^--\w+$/.test(words[i - 1] ?? "")) ?? ".";
  if (output.includes("..")) return null;
  const fallback = words.some((word) => /^(?:-s|--single)$/.test(word));
  return {
    name: "Static",
    package: name,
    build: null,
    output: output.replace(/\/+$/, ""),
    fallback: fallback ? "index.html" : null,
  };
}
