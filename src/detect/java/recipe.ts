import { defaultPort, shell } from "../dockerfile.ts";
import { readProcfile } from "../procfile.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, MachineNeed, Recipe, ServiceIdea, Unrecognised, VariableIdea } from "../recipe.ts";
import { baseName, join, type Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import type { ChosenVersion } from "../version-line.ts";
import { type Framework, frameworkOf, isApp, ktorPort, portOfProgram, springSettings } from "./frameworks.ts";
import { buildFiles, type JavaModule, javaModules } from "./modules.ts";
import { chooseJava } from "./version.ts";

export const java: LanguageReader = {
  language: "java",
  files: [...buildFiles, "settings.gradle.kts", "settings.gradle"],
  recognise,
};

interface JavaApp {
  readonly module: JavaModule;
  readonly framework: Framework;
}

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const modules = javaModules(tree);
  const [top] = modules;
  const apps = appsOf(tree, modules);
  const web = readProcfile(tree).get("web");
  if (top === undefined || (apps.length === 0 && web === undefined)) {
    const war = modules.find(({ text }) => /<packaging>\s*war\s*<|\bid[\s(]*["']war["']/.test(text));
    return {
      lookedFor: [
        war === undefined
          ? "Java: pom.xml or build.gradle with Spring Boot, Quarkus, Micronaut, Ktor or a main class, or with a Procfile"
          : `Java: ${war.file} makes a war for an application server, which is not supported: write a Dockerfile`,
      ],
    };
  }
  return javaRecipe(tree, { modules, apps, web }, build);
}

/** Modules that are started. What stands above a module counts for it too, as parents of Maven do. */
function appsOf(tree: Tree, modules: readonly JavaModule[]): readonly JavaApp[] {
  const found = modules.flatMap((module) => {
    const above = modules.filter(({ directory }) => directory === "" || module.directory.startsWith(`${directory}/`));
    const framework = frameworkOf(module, [module, ...above].map(({ text }) => text).join("\n"));
    return framework === null ? [] : [{ module, framework }];
  });
  const apps = found.filter(({ module, framework }) => isApp(tree, module, framework));
  // One that starts in an unusual way is still the only one.
  return apps.length > 0 ? apps.slice(0, 20) : found.length === 1 ? found : [];
}

interface Found {
  readonly modules: readonly JavaModule[];
  readonly apps: readonly JavaApp[];
  readonly web: readonly string[] | undefined;
}

function javaRecipe(tree: Tree, { modules, apps, web }: Found, build: BuildChoice): Recipe {
  const version = chooseJava(tree, modules.map(({ text }) => text).join("\n"));
  const tool = toolOf(tree);
  const major = version.tag.split(".")[0] ?? "";
  const compile = compileCommands(apps, tool);
  const variables = apps.flatMap((app) => variablesOf(tree, app));
  const first = apps[0]?.framework.name ?? "Java";
  const output = tool.isMaven ? "target" : "build";
  const many = apps.length > 1;
  const single = apps[0];
  const takes =
    many || web !== undefined || single === undefined
      ? null
      : [
          single.framework.jar === null
            ? "app.jar"
            : join(single.module.directory, `${output}/${single.framework.jar.split("/")[0]}`),
        ];
  return twoStages(build, {
    language: "java",
    summary: `${first} with ${tool.isMaven ? "Maven" : "Gradle"}, Java ${major}`,
    images: {
      build: tool.image(major),
      run: `eclipse-temurin:${major}-jre`,
      why: `Java ${major}: ${version.why}`,
    },
    packages: { build: [], run: [] },
    tools: [],
    declares: [],
    install: [],
    compile,
    takes: takes === null ? null : takes.map((path) => [`/app/${path}`, `/app/${path}`] as const),
    env: {},
    runEnv: {},
    because: `The program that ${tool.program} builds.`,
    services:
      apps.length === 0
        ? [{ name: "web", run: web ?? [], port: defaultPort, ready: null, release: null, single: false }]
        : apps.map((app) => serviceOf(tree, app, { output, many })),
    variables: [...new Map(variables.map((one) => [one.name, one])).values()],
    build: oneCommand({ install: [], compile }),
    needs: needsOf(version, tool),
    warnings: [
      ...version.warnings,
      ...tool.warnings,
      ...apps.flatMap(({ module, framework }) => {
        const { fixed } = listensBy(tree, { module, framework });
        return fixed === null
          ? []
          : [
              `the code listens on port ${fixed} whatever PORT says, so plain processes cannot run it: read System.getenv("PORT")`,
            ];
      }),
      "every change of the source downloads all packages again in an image",
    ],
  });
}

interface Tool {
  readonly isMaven: boolean;
  readonly file: string;
  readonly program: string;
  /** The command, by the wrapper where the source has a whole one; a wrapper need not be executable. */
  readonly command: string;
  readonly hasWrapper: boolean;
  readonly image: (major: string) => string;
  readonly warnings: readonly string[];
}

function toolOf(tree: Tree): Tool {
  const isMaven = tree.has("pom.xml");
  const wrapper = isMaven ? "mvnw" : "gradlew";
  const jar = "gradle/wrapper/gradle-wrapper.jar";
  const isBroken =
    !isMaven && tree.has(wrapper) && tree.has("gradle/wrapper/gradle-wrapper.properties") && !tree.has(jar);
  const hasWrapper = tree.has(wrapper) && !isBroken;
  const program = isMaven ? "mvn" : "gradle";
  return {
    isMaven,
    file: tree.first([...buildFiles, "settings.gradle.kts", "settings.gradle"]) ?? "",
    program,
    command: hasWrapper ? `sh ${wrapper}` : program,
    hasWrapper,
    image: (major) =>
      hasWrapper
        ? `eclipse-temurin:${major}-jdk`
        : isMaven
          ? `maven:3-eclipse-temurin-${major}`
          : // Gradle 8 runs on Java 24 and older (docs.gradle.org, "Compatibility Matrix").
            `gradle:${Number(major) > 24 ? 9 : 8}-jdk${major}`,
    warnings: isBroken ? [`${jar} is missing, so Gradle itself builds in place of gradlew: commit that file`] : [],
  };
}

/** The build of what is started, and then each jar at a fixed place: the biggest one has all packages in it. */
function compileCommands(apps: readonly JavaApp[], { isMaven, command }: Tool): readonly string[] {
  const inModules = apps.filter(({ module }) => module.directory !== "").map(({ module }) => module.directory);
  const only = inModules.length === 0 || inModules.length < apps.length ? "" : ` -pl ${inModules.join(",")} -am`;
  const tasks = apps.map(
    ({ module: { directory }, framework }) =>
      `${directory === "" ? "" : `:${directory.replaceAll("/", ":")}:`}${framework.task || "installDist"}`,
  );
  return [
    isMaven
      ? `${command} --batch-mode -DskipTests${only} package`
      : `${command} --no-daemon ${tasks.length === 0 ? "assemble" : tasks.join(" ")}`,
    ...apps
      .filter(({ framework }) => framework.jar === null && (isMaven || framework.task !== ""))
      .map(({ module }) => copyJar(module, isMaven, apps.length > 1)),
  ];
}

function copyJar({ directory }: JavaModule, isMaven: boolean, many: boolean): string {
  const output = join(directory, isMaven ? "target" : "build/libs");
  const jar = many ? `${serviceName(directory)}.jar` : "app.jar";
  return `cp "$(ls -S ${output}/*.[jw]ar | grep -vE '(-plain|-sources|-javadoc|-tests)[.]' | head -1)" ${jar}`;
}

function serviceName(directory: string): string {
  const name = baseName(directory)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "");
  return name.slice(0, 40).replace(/-+$/, "") || "web";
}

interface Layout {
  readonly output: string;
  readonly many: boolean;
}

function serviceOf(tree: Tree, { module, framework }: JavaApp, { output, many }: Layout): ServiceIdea {
  const { directory } = module;
  const { after, fixed, serves } = listensBy(tree, { module, framework });
  const name = many ? serviceName(directory) : serves ? "web" : "worker";
  const place =
    framework.jar === null ? (many ? `${name}.jar` : "app.jar") : join(directory, `${output}/${framework.jar}`);
  const installed = framework.task === "" && output === "build";
  const program = projectName(tree, directory);
  const line = installed
    ? `${framework.before === "" ? "" : `JAVA_OPTS=${framework.before} exec `}${join(directory, `build/install/${program}/bin/${program}`)}`
    : `java ${framework.before === "" ? "" : `${framework.before} `}-jar ${place}${after}`;
  const spring = framework.name === "Spring Boot" ? springSettings(tree, module) : null;
  return {
    name,
    run: line.startsWith("JAVA_OPTS") ? ["sh", "-c", line] : line.includes("$") ? shell(line) : line.split(" "),
    port: serves ? (fixed ?? defaultPort) : null,
    ready:
      framework.ready === null || spring === null ? framework.ready : spring.apart ? null : `${spring.path}/health`,
    release: null,
    single: false,
  };
}

/** What an app adds to its command for the port, a port of the code alone, and whether it serves at all. */
function listensBy(tree: Tree, { module, framework }: JavaApp) {
  if (framework.name === "Ktor") return { ...ktorPort(tree, module), serves: true };
  if (framework.name !== "Java") return { after: framework.after, fixed: null, serves: true };
  const code = portOfProgram(tree, module);
  const serves = framework.serves || code.serves;
  return { after: "", fixed: serves ? code.fixed : null, serves };
}

/** What Gradle names an installed program: the directory, or the project at the top. */
function projectName(tree: Tree, directory: string): string {
  if (directory !== "") return baseName(directory);
  const settings = tree.text("settings.gradle.kts") ?? tree.text("settings.gradle") ?? "";
  return /\brootProject\.name\s*=\s*["']([\w.-]{1,100})["']/.exec(settings)?.[1] ?? "app";
}

const secret = /KEY|SECRET|TOKEN|PASSWORD|PASS$|URL$|DSN|CREDENTIAL/;

function variablesOf(tree: Tree, { module, framework }: JavaApp): readonly VariableIdea[] {
  if (framework.name !== "Spring Boot") return [];
  const { demanded } = springSettings(tree, module);
  return demanded.slice(0, 50).map((name) => ({ name, secret: secret.test(name), generate: null }));
}

function needsOf(version: ChosenVersion, { hasWrapper, file, program, isMaven }: Tool): readonly MachineNeed[] {
  const why = version.range === null ? file : version.why.replace(/^requested by /, "");
  const install = `apt-get install default-jdk-headless, or https://adoptium.net for Java ${version.tag}`;
  const own = { version: { range: version.range ?? ">=8", printedBy: ["java", "--version"] }, why, install };
  const build = { program, why: file, install: `apt-get install ${isMaven ? "maven" : "gradle"}` };
  return [{ program: "java", ...own }, ...(hasWrapper ? [] : [build])];
}
