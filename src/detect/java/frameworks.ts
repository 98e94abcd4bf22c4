import { withoutComments } from "../code.ts";
import type { Tree } from "../tree.ts";
import type { JavaModule } from "./modules.ts";

export interface Framework {
  readonly name: string;
  /** Arguments of Java in front of `-jar`, and behind the file, that choose the port; empty: the code reads PORT. */
  readonly before: string;
  readonly after: string;
  /** The task of Gradle that makes what is started; Maven has `package`. */
  readonly task: string;
  /** Where what is started lies below the output; null: it is the biggest jar. */
  readonly jar: string | null;
  readonly ready: string | null;
  readonly serves: boolean;
}

const plain = { before: "", after: "", jar: null, ready: null, serves: true };
/** Libraries that serve HTTP without a framework around them; the last is in Java itself. */
const libraries =
  /\bjavalin\b|\bspark-core\b|\bvertx-web\b|\bhttp4k\b|\bhelidon\b|\bundertow\b|\bjooby\b|\bdropwizard\b|\bjetty-server\b|\bratpack\b/;

/** The framework of a module, by its plugins and packages; `all` has those of the project above it too. */
export function frameworkOf({ text }: JavaModule, all: string): Framework | null {
  const builds =
    /<artifactId>\s*spring-boot-maven-plugin|\bid[\s(]*["']org\.springframework\.boot["']|plugin\s*[:=]\s*["']org\.springframework\.boot["']/;
  if (builds.test(all)) {
    const ready = /spring-boot-starter-actuator/.test(all) ? "/actuator/health" : null;
    return { ...plain, name: "Spring Boot", before: "-Dserver.port=$PORT", task: "bootJar", ready };
  }
  if (/<artifactId>\s*quarkus-maven-plugin|\bid[\s(]*["']io\.quarkus["']|<groupId>\s*io\.quarkus/.test(text)) {
    const before = "-Dquarkus.http.port=$PORT -Dquarkus.http.host=0.0.0.0";
    const ready = /smallrye-health/.test(all) ? "/q/health/ready" : null;
    return { ...plain, name: "Quarkus", before, task: "quarkusBuild", jar: "quarkus-app/quarkus-run.jar", ready };
  }
  if (/\bmicronaut-maven-plugin|\bio\.micronaut\.(?:minimal\.)?application\b/.test(text)) {
    const ready = /micronaut-management/.test(all) ? "/health" : null;
    const task = /\bshadow\b/.test(text) ? "shadowJar" : "";
    return { ...plain, name: "Micronaut", before: "-Dmicronaut.server.port=$PORT", task, ready };
  }
  if (/\bio\.ktor\.plugin\b/.test(text)) return { ...plain, name: "Ktor", task: "buildFatJar" };
  // A program with a main class: Gradle installs it with its packages, Maven makes one jar of all.
  const isProgram =
    /(?:^|\n)\s*(?:id[\s(]*["'])?application\b|apply plugin:\s*["']application["']/.test(text) ||
    (/maven-(?:shade|assembly|jar)-plugin/.test(text) && /<(?:mainClass|Main-Class)>/.test(text));
  return isProgram ? { ...plain, name: "Java", task: "", serves: libraries.test(text) } : null;
}

/** A port that the code of a program without a framework listens on whatever PORT says. */
export function portOfProgram(
  tree: Tree,
  { directory }: JavaModule,
): { readonly serves: boolean; readonly fixed: number | null } {
  const main = directory === "" ? "src/main/" : `${directory}/src/main/`;
  const files = [...tree.paths].filter((path) => path.startsWith(main) && /\.(?:java|kt)$/.test(path));
  const all = files
    .slice(0, 300)
    .map((path) => withoutComments(tree.text(path) ?? ""))
    .join("\n");
  const number =
    /\bnew InetSocketAddress\((?:[^,()]{1,80},\s*)?(\d{2,5})\)|\.start\((\d{2,5})\)|\bport\((\d{2,5})\)|\.listen\((\d{2,5})\b|\bInetSocketAddress\((\d{2,5})\)/
      .exec(all)
      ?.slice(1)
      .find((one) => one !== undefined);
  const fixed = number === undefined || /"PORT"/.test(all) ? null : Number(number);
  return { serves: /\bHttpServer\b/.test(all), fixed };
}

/** Whether a module has the class that starts a Spring Boot app, or starts in the way of its framework. */
export function isApp(tree: Tree, { directory }: JavaModule, { name }: Framework): boolean {
  if (name !== "Spring Boot") return true;
  const main = directory === "" ? "src/main/" : `${directory}/src/main/`;
  return [...tree.paths].some(
    (path) =>
      path.startsWith(main) &&
      /\.(?:java|kt|groovy)$/.test(path) &&
      /@SpringBootApplication\b/.test(tree.text(path) ?? ""),
  );
}

/** How Ktor learns its port: its engine takes an argument, and what the code starts itself has it written. */
export function ktorPort(
  tree: Tree,
  { directory }: JavaModule,
): { readonly after: string; readonly fixed: number | null } {
  const main = directory === "" ? "src/main/" : `${directory}/src/main/`;
  const files = [...tree.paths].filter((path) => path.startsWith(main) && /\.(?:kt|conf|ya?ml)$/.test(path));
  const all = files.map((path) => tree.text(path) ?? "").join("\n");
  if (/\bEngineMain\b/.test(all)) return { after: " -port=$PORT", fixed: null };
  const port = /\bembeddedServer\([^)]{0,200}?\bport\s*=\s*(\d{2,5})\b/.exec(all)?.[1];
  return { after: "", fixed: port === undefined || /["']PORT["']/.test(all) ? null : Number(port) };
}

/** What the settings of Spring Boot say: a path in front of all others, and variables without a default. */
export function springSettings(
  tree: Tree,
  { directory }: JavaModule,
): {
  readonly path: string;
  /** Whether probes have a port of their own. */
  readonly apart: boolean;
  readonly demanded: readonly string[];
} {
  const resources = `${directory === "" ? "" : `${directory}/`}src/main/resources/application`;
  const names = ["", "-prod", "-production"].flatMap((profile) =>
    ["properties", "yml", "yaml"].map((ending) => `${resources}${profile}.${ending}`),
  );
  const all = names.map((name) => (tree.text(name) ?? "").replace(/^\s*#.*$/gm, "")).join("\n");
  const path = /(?:server\.servlet\.context-path\s*=|\bcontext-path:)\s*["']?(\/[\w/-]{1,100})/.exec(all)?.[1] ?? "";
  const base = /(?:web\.base-path\s*=|\bbase-path:)\s*["']?(\/[\w/-]{0,100})/.exec(all)?.[1];
  const demanded = [...all.matchAll(/\$\{([A-Z][A-Z0-9_]{1,60})\}/g)].map(([, name = ""]) => name);
  return {
    path: path + (base ?? "/actuator").replace(/\/$/, ""),
    apart: /management\.server\.port|management:\s*\n(?:\s+.*\n)*?\s+server:\s*\n\s+port:/.test(all),
    demanded: [...new Set(demanded)].filter((name) => name !== "PORT"),
  };
}
