import { baseImage } from "../base.ts";
import { withoutComments } from "../code.ts";
import { comment, copy, defaultPort, dockerfileText, ending } from "../dockerfile.ts";
import { listensAnyway, portInCode } from "../port.ts";
import { nodeRoute, readyPath } from "../ready.ts";
import type { BuildChoice, Recipe, Unrecognised } from "../recipe.ts";
import { directoryOf, join, type Tree } from "../tree.ts";
import { probeOf } from "./stages.ts";
import { answersHttp, usualFiles } from "./start.ts";
import { chooseNode } from "./version.ts";

/** Modules of Node (nodejs.org/api); every one also with `node:` in front. */
const builtin = new Set(
  `assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs
  http http2 https inspector module net os path perf_hooks process punycode querystring readline repl stream
  string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib`.split(/\s+/),
);

/** A server in one file without a package.json, with nothing but what Node has; otherwise what was searched for. */
export function loneServer(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const none = "package.json: does not exist";
  const found = loneFile(tree);
  if (found === null) return { lookedFor: [none] };
  return found.packages.length === 0 ? loneRecipe(tree, build, found) : { lookedFor: [none, undeclared(found)] };
}

interface LoneFile {
  readonly file: string;
  /** What it loads, itself first. */
  readonly files: readonly string[];
  readonly packages: readonly string[];
}

function loneFile(tree: Tree): LoneFile | null {
  const file = usualFiles.find((one) => tree.has(one) && answersHttp(tree, one));
  return file === undefined ? null : { file, ...importedBy(tree, file) };
}

/** What pages have beside them and that cannot be started; null: there is none. */
export function serverWithoutPackages(tree: Tree): string | null {
  const found = tree.has("package.json") ? null : loneFile(tree);
  return found === null || found.packages.length === 0 ? null : undeclared(found);
}

function undeclared({ file, packages }: LoneFile): string {
  const names = packages.slice(0, 8).join(" ");
  return `${file} imports ${names}, which no file declares: \`npm install ${names}\` writes package.json`;
}

function loneRecipe(tree: Tree, build: BuildChoice, { file, files }: LoneFile): Recipe {
  const { tag, range, why, warnings } = chooseNode(tree, []);
  const base = baseImage(build, "node", `node:${tag}-slim`);
  const ready = readyPath(tree, files, nodeRoute);
  const fixed = portInCode(files.map((one) => withoutComments(tree.text(one) ?? "")));
  const title = `Node server in ${file}, Node ${tag}`;
  const command = ["node", file];
  const lines = [
    comment(`Node ${tag}: ${why}. There are no packages to install.`),
    `FROM ${base.image}`,
    `ENV NODE_ENV=production PORT=${defaultPort} HOME=/tmp`,
    "WORKDIR /app",
    copy(["."], "."),
    ...ending({ probe: probeOf(ready), command, because: "The file with the usual name of a server." }),
  ];
  const need = { program: "node", why: why.replace("requested by ", ""), install: "install that version of Node" };
  return {
    language: "node",
    evidence: "name",
    dockerfile: dockerfileText(title, [lines]),
    summary: title,
    warnings: [...base.warnings, ...warnings, ...(fixed === null ? [] : [listensAnyway(fixed)])],
    services: [{ name: "web", run: command, port: fixed ?? defaultPort, ready, release: null, single: false }],
    variables: [{ name: "NODE_ENV", secret: false, generate: null, value: "production" }],
    build: null,
    firstStep: null,
    needs: range === null ? [] : [{ ...need, version: { range, printedBy: ["node", "--version"] } }],
  };
}

/** The files that a file loads, itself first, and the packages that these import. */
function importedBy(tree: Tree, entry: string): Omit<LoneFile, "file"> {
  const files = new Set([entry]);
  const packages = new Set<string>();
  for (const file of files) {
    const code = withoutComments(tree.text(file) ?? "");
    for (const [, name = ""] of code.matchAll(
      /(?:\brequire\s*\(|\bimport\s*\(|\bfrom|(?:^|[;\n])\s*import)\s*["']([^"'\n]{1,200})["']/g,
    )) {
      if (name.startsWith(".")) {
        const found = relative(tree, directoryOf(file), name);
        if (found !== null && files.size < 300) files.add(found);
      } else if (!name.startsWith("node:") && !builtin.has(name.split("/")[0] ?? ""))
        packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
    }
  }
  return { files: [...files], packages: [...packages].filter((one) => /^(?:@[\w.-]+\/)?[\w.-]+$/.test(one)) };
}

function relative(tree: Tree, directory: string, name: string): string | null {
  const parts = directory === "" ? [] : directory.split("/");
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  const path = parts.reduce(join, "");
  return tree.first([
    path,
    ...["js", "mjs", "cjs", "ts", "json"].map((ending) => `${path}.${ending}`),
    `${path}/index.js`,
  ]);
}
