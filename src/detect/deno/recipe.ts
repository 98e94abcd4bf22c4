import { defaultPort, isPlainPath, shell } from "../dockerfile.ts";
import { portInWords } from "../port.ts";
import { commandOf } from "../procfile.ts";
import type { LanguageReader } from "../reader.ts";
import { readyPath } from "../ready.ts";
import type { BuildChoice, Recipe, Unrecognised } from "../recipe.ts";
import { asTable, type Mapping, type Tree, textMember } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";

export const deno: LanguageReader = { language: "deno", files: ["deno.json", "deno.jsonc"], recognise };

const mains = ["main.ts", "server.ts", "mod.ts", "app.ts", "index.ts", "src/main.ts", "src/server.ts", "main.js"];
const route = /(?:===|\.get\(|case)\s*["'](\/(?:api\/)?(?:health|healthz|ready|readyz|livez)\/?)["']/;

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const file = tree.first(["deno.json", "deno.jsonc"]);
  // Comments and commas at the end are what YAML's flow style reads and JSON does not.
  const config = file === null ? null : file.endsWith("c") ? asTable(tree.yaml(file)) : tree.json(file);
  const main = mains.find((one) => tree.has(one)) ?? null;
  const task = startTask(config);
  if (file === null || (main === null && task === null)) {
    return { lookedFor: [`Deno: deno.json with a task start, or ${mains.slice(0, 3).join(", ")}`] };
  }
  return denoRecipe(tree, { file, main, task }, build);
}

function startTask(config: Mapping | null): string | null {
  const text = textMember(config, "tasks.start") ?? textMember(config, "tasks.start.command");
  return text !== null && text.length <= 8_192 && !/--watch|\bdev\b/.test(text) ? text : null;
}

interface App {
  readonly file: string;
  readonly main: string | null;
  readonly task: string | null;
}

function denoRecipe(tree: Tree, { file, main, task }: App, build: BuildChoice): Recipe {
  const exportsApp = main !== null && /^export default\b/m.test(tree.text(main) ?? "");
  const own = exportsApp ? `deno serve --allow-all --port $PORT ${main}` : `deno run --allow-all ${main}`;
  const run = task === null ? (own.includes("$") ? shell(own) : own.split(" ")) : commandOf(portInWords(task));
  const entry = main !== null && isPlainPath(main) ? main : null;
  const locked = tree.has("deno.lock");
  const install = entry === null ? [] : [`deno cache ${locked ? "--frozen " : ""}${entry}`];
  return twoStages(build, {
    language: "deno",
    summary: "Deno 2",
    images: {
      build: "denoland/deno:debian-2.5.6",
      run: "denoland/deno:debian-2.5.6",
      why: "Deno 2: the default version",
    },
    packages: { build: [], run: [] },
    tools: [],
    declares: [],
    install: [],
    compile: install,
    takes: null,
    env: { DENO_DIR: "/app/.deno" },
    runEnv: {},
    because: task === null ? `${main}.` : `The task start of ${file}.`,
    services: [
      {
        name: "web",
        run,
        port: defaultPort,
        ready: readyPath(tree, tree.sources(/\.[jt]sx?$/), route),
        release: null,
        single: false,
      },
    ],
    // Packages are fetched by the build, and found again beside the source.
    variables: [{ name: "DENO_DIR", secret: false, generate: null, value: ".deno" }],
    build: oneCommand({ install: install.map((command) => `DENO_DIR=.deno ${command}`), compile: [] }),
    needs: [{ program: "deno", why: file, install: "see https://deno.com, or npm install --global deno" }],
    warnings: locked
      ? []
      : ["there is no deno.lock, so every build may use other versions: run deno install and commit it"],
  });
}
