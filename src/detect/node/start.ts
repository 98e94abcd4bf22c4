import { withoutComments } from "../code.ts";
import { plainWords } from "../dockerfile.ts";
import { join, type Tree } from "../tree.ts";
import { type FrameworkServer, type FrontEnd, ownCommand, serverOf } from "./frameworks.ts";
import { type NodePackage, uses } from "./package.ts";
import { type ScriptCommand, scriptCommand, unwatched } from "./script.ts";

export interface Start {
  readonly command: readonly string[];
  /** Where the command comes from, for the comment. */
  readonly because: string;
  /** A package that must be in the image for it to start; null if Node is enough. */
  readonly needs: string | null;
  /** Builds that the script does itself, which happen before it is started. */
  readonly before?: readonly string[];
  readonly warnings?: readonly string[];
  /** The process of a Procfile without `web`; absent: the service answers HTTP. */
  readonly process?: string;
}

/** Development servers, and programs that only preview a build. */
const forEditing =
  /^(?:vite|react-scripts|ng|vue-cli-service|webpack(?:-dev-server)?|parcel|nodemon|ts-node-dev|tsx\s+watch|node\s+--watch|nest\s+start|next\s+dev|nuxt\s+(?:dev|preview)|remix\s+|react-router\s+dev|astro|gatsby|docusaurus|vitepress|vuepress|eleventy|ember|expo|quasar|serve|http-server|live-server|browser-sync|npm-run-all|run-p|concurrently)(?:\s|$)/;

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
export const usualFiles = usual.flatMap((name) =>
  ["js", "mjs", "cjs", "ts", "mts"].map((ending) => `${name}.${ending}`),
);

/** How a package is started in production, or null if unknown. */
export function startOf(tree: Tree, one: NodePackage, built: boolean): Start | null {
  const server = serverOf(one);
  return (
    scripted(tree, one, server) ??
    ownStart(tree, one, server) ??
    forOnce(one, server) ??
    byFile(tree, one, { server, built }) ??
    worker(tree, one)
  );
}

/** Scripts that start an app in production, the most specific first; `serve:ssr:NAME` is Angular's. */
function startScripts({ scripts }: NodePackage): readonly string[] {
  const angular = [...scripts.keys()].filter((name) => name.startsWith("serve:ssr"));
  return ["start:prod", "start:production", "prod", "start", ...angular];
}

function scripted(tree: Tree, one: NodePackage, server: FrameworkServer | null): Start | null {
  for (const name of startScripts(one)) {
    const found = scriptCommand(one, name);
    const elsewhere = server?.package === "@adonisjs/core" && !startsFile(tree, one, found);
    if (found !== null && !forEditing.test(found.program) && !elsewhere) return byScript(name, found, { one, server });
  }
  return null;
}

/** Whether the file that a script starts is part of the source: AdonisJS means its script for the output of the build. */
function startsFile(tree: Tree, one: NodePackage, found: ScriptCommand | null): boolean {
  const [, file = ""] = found?.command ?? [];
  return tree.has(join(one.directory, file));
}

interface StartedPackage {
  readonly one: NodePackage;
  readonly server: FrameworkServer | null;
}

export function byScript(
  name: string,
  { command, program, before, warnings }: ScriptCommand,
  { one, server }: StartedPackage,
): Start {
  const because = `The script "${name}" of package.json.`;
  return { command, because, needs: neededBy(program, one, server), before, warnings };
}

/** What a script for editing starts, without what starts it again at every change; also `"serve": "node server.js"`. */
function forOnce(one: NodePackage, server: FrameworkServer | null): Start | null {
  for (const name of ["start", "serve", "server", "dev", "start:dev"]) {
    const found = scriptCommand(one, name);
    if (found === null) continue;
    const program =
      unwatched(found.program) ?? (/^(?:node|tsx|bun)\s+[\w.]/.test(found.program) ? found.program : null);
    const command = program === null ? null : plainWords(program);
    if (program === null || command === null || forEditing.test(program)) continue;
    const start = byScript(name, { ...found, command, program }, { one, server });
    return { ...start, because: `What the script "${name}" of package.json starts.` };
  }
  return null;
}

/** The package of the first program of a command, by its name, or the one that Node loads before. */
function neededBy(program: string, one: NodePackage, server: FrameworkServer | null): string | null {
  const loaded =
    /^node\s(?:.*\s)?(?:-r|--require|--import|--loader|--experimental-loader)[\s=]((?:@[\w.-]+\/)?[\w.-]+)/.exec(
      program,
    );
  if (loaded?.[1] !== undefined && uses(one, loaded[1])) return loaded[1];
  const word = /^[\w@/.-]+/.exec(program)?.[0] ?? "";
  if (uses(one, word)) return word;
  return server?.start?.[0] === word && word !== "node" ? server.package : null;
}

function ownStart(tree: Tree, one: NodePackage, server: FrameworkServer | null): Start | null {
  if (!server?.start) return null;
  return {
    command: ownCommand(tree, one, server) ?? server.start,
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
  const main = mainFile(one);
  const compiled = main !== null && built && /^(?:dist|build|lib|out)\//.test(main);
  if (main !== null && (compiled || (tree.has(join(one.directory, main)) && mayServe(tree, one, main))))
    return { command: ["node", main], because: `The file that "main" of package.json names.`, needs: null };
  const file = usualFiles.find((name) => tree.has(join(one.directory, name)));
  if (file === undefined || (server === null && !answersHttp(tree, join(one.directory, file)))) return null;
  const program = programFor(tree, one, file);
  return {
    command: [program, file],
    because: "The file with the usual name of a server.",
    needs: neededBy(program, one, server),
  };
}

/** The file of `main`; null: none, or a path that is not plain. */
function mainFile({ main }: NodePackage): string | null {
  const file = main?.replace(/^\.\//, "") ?? "";
  return /^[\w@-][\w@./-]*$/.test(file) && !file.includes("..") ? file : null;
}

/** Whether `main` is a program rather than a library or a bot: code with a mistake in it is a program, too. */
function mayServe(tree: Tree, one: NodePackage, main: string): boolean {
  const file = join(one.directory, main);
  return answersHttp(tree, file) || (!isLibrary(tree, file) && processName(tree, one) === null);
}

function isLibrary(tree: Tree, file: string): boolean {
  return /^(?:module\.exports\s*=|export\s)/m.test(withoutComments(tree.text(file) ?? ""));
}

/** Bun for what is written for it, a program that the package has for TypeScript, otherwise Node. */
function programFor(tree: Tree, one: NodePackage, file: string): string {
  const forBun = ["elysia", "bun-types", "@types/bun"].some((name) => uses(one, name));
  if (forBun || /\bBun\.\w/.test(tree.text(join(one.directory, file)) ?? "")) return "bun";
  return (/\.[cm]?ts$/.test(file) && ["tsx", "ts-node"].find((name) => uses(one, name))) || "node";
}

/** Libraries of programs that talk to a service, a queue or a clock and answer no HTTP. */
const talking =
  /^(?:discord\.js|eris|oceanic\.js|telegraf|grammy|node-telegram-bot-api|tmi\.js|whatsapp-web\.js|matrix-bot-sdk|twit)$/;
const working = /^(?:bull|bullmq|bee-queue|agenda|amqplib|kafkajs|mqtt|node-cron|cron|node-schedule|croner)$/;

/** The name of the process of a package that answers no HTTP; null: it may. */
export function processName(tree: Tree, one: NodePackage): string | null {
  if (serverOf(one) !== null) return null;
  const names = [...one.dependencies];
  const name = names.some((found) => talking.test(found))
    ? "bot"
    : names.some((found) => working.test(found))
      ? "worker"
      : null;
  if (name === null) return null;
  const inside = (file: string) => one.directory === "" || file.startsWith(`${one.directory}/`);
  const files = tree.sources(/\.[cm]?[jt]s$/).filter(inside);
  return files.slice(0, 300).some((file) => answersHttp(tree, file)) ? null : name;
}

/** The program of a package that answers no HTTP, in its `main` or a file with a usual name. */
function worker(tree: Tree, one: NodePackage): Start | null {
  if (processName(tree, one) === null) return null;
  const files = [mainFile(one), "bot.js", "src/bot.js", "worker.js", "src/worker.js", ...usualFiles];
  const file = files.find((name) => name !== null && tree.has(join(one.directory, name))) ?? null;
  if (file === null || isLibrary(tree, join(one.directory, file))) return null;
  const program = programFor(tree, one, file);
  return { command: [program, file], because: `The program in ${file}.`, needs: neededBy(program, one, null) };
}

export function answersHttp(tree: Tree, file: string): boolean {
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
