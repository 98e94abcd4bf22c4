import { baseImage } from "./base.ts";
import {
  comment,
  copy,
  type DockerfileLine,
  defaultPort,
  dockerfileText,
  ending,
  isPlainPath,
  listening,
} from "./dockerfile.ts";
import type { BuildChoice, FirstStep, Recipe } from "./recipe.ts";

/** What most languages need: packages and build in one stage, and what runs in another. */
export interface TwoStages extends Omit<Recipe, "dockerfile" | "evidence" | "firstStep"> {
  readonly evidence?: Recipe["evidence"];
  /** Official images, and why this version. */
  readonly images: { readonly build: string; readonly run: string; readonly why: string };
  /** Debian packages of the two stages. */
  readonly packages: { readonly build: readonly string[]; readonly run: readonly string[] };
  /** Lines of the build stage before anything is copied; `runTools` of the last one. */
  readonly tools: readonly DockerfileLine[];
  readonly runTools?: readonly DockerfileLine[];
  /** Files that say which packages there are; those that are no plain paths make all of the source come first. */
  readonly declares: readonly string[];
  /** Shell commands: packages, then the build. They are written by a language's folder, never taken from a source. */
  readonly install: readonly string[];
  readonly compile: readonly string[];
  /** What the last stage takes from the first: paths in it, with their places; null: all of the source and its packages. */
  readonly takes: readonly (readonly [from: string, to: string])[] | null;
  /** Variables of both stages, and of the last. */
  readonly env: Readonly<Record<string, string>>;
  readonly runEnv: Readonly<Record<string, string>>;
  /** Where the command comes from. */
  readonly because: string;
}

/** The recipe with its Dockerfile. */
export function twoStages(build: BuildChoice, stages: TwoStages): Recipe {
  const {
    images,
    packages,
    tools,
    declares,
    install,
    compile,
    takes,
    env,
    runEnv,
    because,
    evidence,
    runTools = [],
    ...recipe
  } = stages;
  const { language, summary, services, warnings } = recipe;
  const builder = baseImage(build, language, images.build);
  // One base image is chosen for both stages: it has what builds and what runs.
  const runner = builder.image === images.build ? images.run : builder.image;
  const first = declares.length > 0 && declares.every(isPlainPath) ? declares : null;
  const [web] = services;
  const lines = [
    [
      comment(`Packages and build. ${images.why}.`),
      `FROM ${builder.image} AS builder`,
      ...aptInstall(packages.build),
      ...tools,
      "WORKDIR /app",
      ...envLine(env),
      ...(first === null ? copyAll : copyDeclared(first)),
      ...install.map((command) => `RUN ${command}`),
      ...(first === null ? [] : [comment("Then the source, which changes most often."), "COPY . ."]),
      ...compile.map((command) => `RUN ${command}`),
    ],
    [
      comment("The final stage."),
      `FROM ${runner}`,
      ...aptInstall(packages.run),
      ...runTools,
      ...envLine({ ...env, ...runEnv, PORT: String(web?.port ?? defaultPort), HOME: "/tmp" }),
      ...(takes ?? [["/app", "/app"]]).map(([from, to]) => `COPY --from=builder --chown=1000:1000 ${from} ${to}`),
      "WORKDIR /app",
      ...ending({
        probe: web?.port ? listening : null,
        command: web?.run ?? [],
        because,
        port: web?.port ?? defaultPort,
      }),
    ],
  ];
  return {
    ...recipe,
    evidence: evidence ?? "declared",
    dockerfile: dockerfileText(summary, lines),
    warnings: [...builder.warnings, ...warnings],
    firstStep: first === null || install.length === 0 ? null : firstStepOf(first, stages),
  };
}

function firstStepOf(files: readonly string[], { install, needs }: TwoStages): FirstStep {
  const programs = needs.map(({ program }) => program);
  const [interpreter, ...tools] = programs;
  return {
    files,
    setup: [],
    without: [],
    install,
    alike: null,
    late: [],
    interpreters: interpreter === undefined ? [] : [interpreter],
    tools,
  };
}

const copyAll: readonly DockerfileLine[] = ["COPY . ."];

function copyDeclared(files: readonly string[]): readonly DockerfileLine[] {
  return [comment("Packages first: they are installed again only when one of these files changes."), copy(files, "./")];
}

function envLine(env: Readonly<Record<string, string>>): readonly DockerfileLine[] {
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return words.length === 0 ? [] : [`ENV ${words.join(" ")}`];
}

function aptInstall(names: readonly string[]): readonly DockerfileLine[] {
  if (names.length === 0) return [];
  return [
    `RUN apt-get update && apt-get install -y --no-install-recommends ${[...new Set(names)].sort().join(" ")} \\`,
    "    && rm -rf /var/lib/apt/lists/*",
  ];
}

/** One command for plain processes out of the same commands. */
export function oneCommand({ install, compile }: Pick<TwoStages, "install" | "compile">): readonly string[] | null {
  const all = [...install, ...compile];
  const [only] = all;
  if (only === undefined) return null;
  const isPlain = all.length === 1 && /^[\w@%+=:,./ -]+$/.test(only) && !/^\w+=/.test(only);
  return isPlain ? only.split(" ") : ["sh", "-c", all.join(" && ")];
}
