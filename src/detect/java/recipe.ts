import { defaultPort, shell } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, MachineNeed, Recipe, Unrecognised } from "../recipe.ts";
import { toolWishes } from "../toolfile.ts";
import type { Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { type ChosenVersion, chooseVersion, npmRange, type VersionLine } from "../version-line.ts";

const gradleFiles = ["build.gradle.kts", "build.gradle"];

export const java: LanguageReader = { language: "java", files: ["pom.xml", ...gradleFiles], recognise };

/** Long-term releases (oracle.com, "Java SE Support Roadmap"). A newer one runs what is compiled for an older one. */
const jdk: VersionLine = { name: "Java", offered: ["21", "25", "17", "11", "8"], maintained: ["25", "21", "17"] };

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const file = tree.first(["pom.xml", ...gradleFiles]);
  const text = file === null ? "" : withoutXmlComments(tree.text(file) ?? "");
  const server = serverOf(text);
  if (file === null || server === null) {
    return { lookedFor: ["Java: pom.xml or build.gradle with Spring Boot or Quarkus"] };
  }
  return javaRecipe(tree, { file, text, server }, build);
}

/** XML without its comments, in linear time. */
function withoutXmlComments(text: string): string {
  const [first = "", ...rest] = text.split("<!--");
  return first + rest.map((part) => (part.includes("-->") ? part.slice(part.indexOf("-->") + 3) : "")).join("");
}

interface Server {
  readonly name: "Spring Boot" | "Quarkus";
  /** The option that chooses the port. */
  readonly port: string;
  readonly ready: string | null;
}

function serverOf(text: string): Server | null {
  if (/spring-boot-maven-plugin|org\.springframework\.boot/.test(text)) {
    const ready = /spring-boot-starter-actuator/.test(text) ? "/actuator/health" : null;
    return { name: "Spring Boot", port: "-Dserver.port=$PORT", ready };
  }
  if (/io\.quarkus/.test(text)) {
    const ready = /smallrye-health/.test(text) ? "/q/health/ready" : null;
    return { name: "Quarkus", port: "-Dquarkus.http.port=$PORT -Dquarkus.http.host=0.0.0.0", ready };
  }
  return null;
}

interface Project {
  readonly file: string;
  readonly text: string;
  readonly server: Server;
}

function javaRecipe(tree: Tree, { file, text, server }: Project, build: BuildChoice): Recipe {
  const version = chooseJava(tree, text);
  const isMaven = file === "pom.xml";
  const wrapper = tree.has(isMaven ? "mvnw" : "gradlew");
  const tool = isMaven ? "mvn" : "gradle";
  const program = wrapper ? `sh ${isMaven ? "mvnw" : "gradlew"}` : tool;
  const quarkus = server.name === "Quarkus";
  const output = isMaven ? "target" : "build";
  const jar = quarkus ? `${output}/quarkus-app/quarkus-run.jar` : "app.jar";
  const jars = isMaven ? "target/*.jar" : "build/libs/*.jar";
  const compile = [
    isMaven
      ? `${program} --batch-mode -DskipTests package`
      : `${program} --no-daemon ${quarkus ? "quarkusBuild" : "bootJar"}`,
    ...(quarkus ? [] : [`cp "$(ls ${jars} | grep -v -e -plain -e -sources -e -javadoc | head -1)" app.jar`]),
  ];
  const major = version.tag.split(".")[0] ?? "";
  const image = wrapper
    ? `eclipse-temurin:${major}-jdk`
    : isMaven
      ? `maven:3-eclipse-temurin-${major}`
      : `gradle:8-jdk${major}`;
  return twoStages(build, {
    language: "java",
    summary: `${server.name} with ${isMaven ? "Maven" : "Gradle"}, Java ${major}`,
    images: { build: image, run: `eclipse-temurin:${major}-jre`, why: `Java ${major}: ${version.why}` },
    packages: { build: [], run: [] },
    tools: [],
    declares: [],
    install: [],
    compile,
    takes: quarkus
      ? [[`/app/${output}/quarkus-app`, `/app/${output}/quarkus-app`]]
      : [["/app/app.jar", "/app/app.jar"]],
    env: {},
    runEnv: {},
    because: `The program that ${tool} builds.`,
    services: [
      {
        name: "web",
        run: shell(`java ${server.port} -jar ${jar}`),
        port: defaultPort,
        ready: server.ready,
        release: null,
        single: false,
      },
    ],
    variables: [],
    build: oneCommand({ install: [], compile }),
    needs: needsOf({ file, version, tool: wrapper ? null : tool }),
    warnings: [...version.warnings, "every change of the source downloads all packages again in an image"],
  });
}

interface Tools {
  readonly file: string;
  readonly version: ChosenVersion;
  /** Null: the source brings it. */
  readonly tool: "mvn" | "gradle" | null;
}

function needsOf({ file, version, tool }: Tools): readonly MachineNeed[] {
  const install = `apt-get install default-jdk-headless, or https://adoptium.net for Java ${version.tag}`;
  const java = { version: { range: version.range ?? ">=8", printedBy: ["java", "--version"] }, why: file, install };
  const build = tool && { program: tool, why: file, install: `apt-get install ${tool === "mvn" ? "maven" : "gradle"}` };
  return [{ program: "java", ...java }, ...(build ? [build] : [])];
}

/** What the build compiles for is the oldest that will do. */
function chooseJava(tree: Tree, text: string): ChosenVersion {
  const written =
    /<(?:java\.version|maven\.compiler\.(?:release|source|target)|release)>\s*(?:1\.)?(\d{1,2})\s*</.exec(text)?.[1] ??
    /JavaLanguageVersion\.of\((\d{1,2})\)|(?:source|target)Compatibility\s*=?\s*(?:JavaVersion\.VERSION_)?['"]?(?:1[._])?(\d{1,2})/
      .exec(text)
      ?.slice(1)
      .find((one) => one !== undefined);
  const pinned = [
    { text: tree.text(".java-version")?.trim() ?? "", where: ".java-version" },
    {
      text: /^java\.runtime\.version=(.+)$/m.exec(tree.text("system.properties") ?? "")?.[1]?.trim() ?? "",
      where: "system.properties",
    },
    ...toolWishes(tree, ["java"]),
  ].filter((wish) => wish.text !== "");
  return chooseVersion(jdk, [
    ...pinned.map((wish) => ({
      ...wish,
      range: npmRange(/(?:^|-)(?:1\.)?(\d{1,2})\b/.exec(wish.text)?.[1] ?? wish.text),
    })),
    ...(written ? [{ text: written, where: "the build file", range: `>=${written}` }] : []),
  ]);
}
