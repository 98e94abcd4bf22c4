import semver from "semver";
import { withoutComments } from "../code.ts";
import { defaultPort, isPlainPath } from "../dockerfile.ts";
import { pins } from "../pins.ts";
import { portInWords } from "../port.ts";
import { commandOf } from "../procfile.ts";
import type { LanguageReader } from "../reader.ts";
import { readyPath } from "../ready.ts";
import type { BuildChoice, Recipe, Unrecognised } from "../recipe.ts";
import { toolWishes } from "../toolfile.ts";
import { asTable, type Mapping, member, namesOf, type Tree, textMember } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { type ChosenVersion, chooseVersion, npmRange, type VersionLine } from "../version-line.ts";

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
  return denoRecipe(tree, { file, config, main, task }, build);
}

/** The task that serves in production: `start`, or what a template names so when its `start` is for development. */
function startTask(config: Mapping | null): string | null {
  const texts = ["start", "serve", "preview", "prod", "production"].map((name) => taskOf(config, name));
  return texts.find((text) => text !== null && !/--watch|\bdev\b/.test(text)) ?? null;
}

function taskOf(config: Mapping | null, name: string): string | null {
  const text = textMember(config, `tasks.${name}`) ?? textMember(config, `tasks.${name}.command`);
  return text !== null && text.length <= 8_192 ? text : null;
}

/** Images have exact versions only (hub.docker.com/r/denoland/deno). */
const line: VersionLine = { name: "Deno", offered: [pins.deno, "1.46.3"], maintained: ["2"] };

function chooseDeno(tree: Tree): ChosenVersion {
  const file = tree.text(".dvmrc")?.trim();
  const wishes = [...(file ? [{ text: file, where: ".dvmrc" }] : []), ...toolWishes(tree, ["deno"])];
  return chooseVersion(
    line,
    wishes.map((wish) => ({ ...wish, range: npmRange(wish.text.replace(/^v/, "")) })),
  );
}

interface App {
  readonly file: string;
  readonly config: Mapping | null;
  readonly main: string | null;
  readonly task: string | null;
}

function denoRecipe(tree: Tree, { file, config, main, task }: App, build: BuildChoice): Recipe {
  const version = chooseDeno(tree);
  const served = serviceOf(tree, { main, task, version });
  const locked = tree.has("deno.lock");
  const frozen = locked ? "--frozen " : "";
  const declared = namesOf(member(config, "imports")).length > 0 || tree.has("package.json");
  const builds = taskOf(config, "build") !== null;
  const image = `denoland/deno:debian-${version.tag}`;
  const install = [
    ...(declared ? [`deno install ${frozen}`.trim()] : []),
    ...(main !== null && isPlainPath(main) ? [`deno cache ${frozen}${main}`] : []),
  ];
  const compile = builds ? ["deno task build"] : [];
  return twoStages(build, {
    language: "deno",
    summary: `Deno ${version.tag}`,
    images: { build: image, run: image, why: `Deno ${version.tag}: ${version.why}` },
    packages: { build: [], run: [] },
    tools: [],
    declares: [],
    install: [],
    compile: [...install, ...compile],
    takes: null,
    env: { DENO_DIR: "/app/.deno" },
    runEnv: {},
    because: task === null ? `${main}.` : `A task of ${file}.`,
    services: [served.service],
    // Packages are fetched by the build, and found again beside the source.
    variables: [{ name: "DENO_DIR", secret: false, generate: null, value: ".deno" }],
    build: oneCommand({ install: [...install, ...compile].map((command) => `DENO_DIR=.deno ${command}`), compile: [] }),
    needs: [
      {
        program: "deno",
        version: { range: version.range ?? `>=${overrides}`, printedBy: ["deno", "--version"] },
        why: version.range === null ? file : version.why.replace(/^requested by /, ""),
        install: "npm install --global deno, or see https://deno.com",
      },
    ],
    warnings: [
      ...version.warnings,
      ...served.warnings,
      ...(locked
        ? []
        : ["there is no deno.lock, so every build may use other versions: run deno install and commit it"]),
    ],
  });
}

/** The first version in which a variable chooses the address of every `Deno.serve` (denoland/deno, pull request 28941). */
const overrides = "2.3.0";

interface Start extends Pick<App, "main" | "task"> {
  readonly version: ChosenVersion;
}

function serviceOf(
  tree: Tree,
  { main, task, version }: Start,
): Pick<Recipe, "warnings"> & { service: Recipe["services"][number] } {
  const sources = tree.sources(/\.[jt]sx?$/);
  const exportsApp = main !== null && /^export default\b/m.test(tree.text(main) ?? "");
  const own = exportsApp ? `deno serve --allow-all ${main}` : `deno run --allow-all ${main}`;
  const command = task === null ? own : portInWords(task);
  const isNew = semver.gte(version.tag, overrides);
  const said = command.includes("$PORT");
  const front = "DENO_SERVE_ADDRESS=tcp:0.0.0.0:$PORT";
  const isOne = !/[;&|]/.test(command) && !/^\s*\w+=/.test(command);
  const run =
    said || !isNew
      ? commandOf(command)
      : ["sh", "-c", isOne ? `${front} exec ${command}` : `export ${front}; ${command}`];
  const code = sources
    .slice(0, 300)
    .map((path) => withoutComments(tree.text(path) ?? ""))
    .join("\n");
  const isTold = said || isNew || /["'.]PORT\b/.test(code);
  const port = isTold ? defaultPort : Number(/\bport:\s*(\d{2,5})\b/.exec(code)?.[1] ?? defaultPort);
  return {
    service: { name: "web", run, port, ready: readyPath(tree, sources, route), release: null, single: false },
    warnings: isTold
      ? []
      : [
          `the code listens on port ${port} whatever PORT says, so plain processes cannot run it: read Deno.env.get("PORT")`,
        ],
  };
}
