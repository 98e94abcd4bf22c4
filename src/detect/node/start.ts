import { plainWords } from "../dockerfile.ts";
import { join, type Tree } from "../tree.ts";
import { type FrameworkServer, serverOf } from "./frameworks.ts";
import { type NodePackage, uses } from "./package.ts";

export interface Start {
  readonly command: readonly string[];
  /** Where the command comes from, for the comment. */
  readonly because: string;
  /** A package that must be in the image for it to start; null if Node is enough. */
  readonly needs: string | null;
}

/** Development servers, and programs that only preview a build. */
const forEditing =
  /^(?:\w+=\S*\s+|cross-env\s+|npx\s+)*(?:vite|react-scripts|ng|vue-cli-service|webpack(?:-dev-server)?|parcel|nodemon|ts-node-dev|tsx\s+watch|node\s+--watch|nest\s+start|next\s+dev|nuxt\s+(?:dev|preview)|remix\s+|react-router\s+dev|astro|gatsby|docusaurus|eleventy|serve|http-server|concurrently)(?:\s|$)/;

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

function scripted(one: NodePackage, server: FrameworkServer | null): Start | null {
  for (const name of ["start:prod", "start:production", "start"]) {
    const script = one.scripts.get(name);
    if (script === undefined || forEditing.test(script.trim())) continue;
    // A script that equals the framework's default is started without a shell.
    const words = one.scripts.has(`pre${name}`) || one.scripts.has(`post${name}`) ? null : direct(script);
    const command = words ?? ["npm", "run", "--silent", name];
    return { command, because: `The script "${name}" of package.json.`, needs: neededBy(script, one, server) };
  }
  return null;
}

/** The arguments of a script that needs neither a shell nor another script; programs of packages by path. */
function direct(script: string): readonly string[] | null {
  const [first, ...rest] = plainWords(script.replace(/^(?:cross-env\s+)?NODE_ENV=production\s+/, "")) ?? [];
  if (first === undefined || /^(?:npm|npx|yarn|pnpm|cross-env|dotenv|sh|bash|env)$/.test(first)) return null;
  if (first === "node" || first.includes("/")) return [first, ...rest];
  return [`node_modules/.bin/${first}`, ...rest];
}

/** The package of the first program of a script, by its name. */
function neededBy(script: string, one: NodePackage, server: FrameworkServer | null): string | null {
  const word = /^(?:cross-env\s+|\w+=\S*\s+)*([\w@/.-]+)/.exec(script.trim())?.[1] ?? "";
  if (uses(one, word)) return word;
  return server?.start?.[0]?.endsWith(`/${word}`) ? server.package : null;
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
  return { command: ["node", file], because: "The file with the usual name of a server.", needs: null };
}

function answersHttp(tree: Tree, file: string): boolean {
  return /\bcreateServer\s*\(|\.listen\s*\(|\bBun\.serve\b/.test(tree.text(file) ?? "");
}
