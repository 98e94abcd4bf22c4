import { isPlainPath } from "../dockerfile.ts";
import { join, member, namesOf, type Tree, textMember } from "../tree.ts";

/** A project of Maven or Gradle, or one of the modules in it. */
export interface JavaModule {
  /** Empty at the top. */
  readonly directory: string;
  readonly file: string;
  /** The text of the file without comments, with the names that a version catalog gives to what it uses. */
  readonly text: string;
}

const gradleFiles = ["build.gradle.kts", "build.gradle"];
export const buildFiles = ["pom.xml", ...gradleFiles];
const most = 100;

/** The project at the top first, then its modules; empty: there is no build file. */
export function javaModules(tree: Tree): readonly JavaModule[] {
  if (tree.has("pom.xml")) return mavenModules(tree, "");
  const settings = withoutComments(tree.text("settings.gradle.kts") ?? tree.text("settings.gradle") ?? "");
  const top = gradleModule(tree, "");
  if (top === null && settings === "") return [];
  const included = [...settings.matchAll(/\binclude\b[\s(]*((?:["'][\w:./-]{1,200}["'][\s,]*)+)/g)]
    .flatMap(([, list = ""]) => [...list.matchAll(/["']([^"']+)["']/g)])
    .map(([, path = ""]) => path.replace(/^:/, "").replaceAll(":", "/"));
  const found = included.filter(isPlainPath).slice(0, most);
  return [top, ...found.map((directory) => gradleModule(tree, directory))].filter((one) => one !== null);
}

function mavenModules(tree: Tree, directory: string, depth = 0): readonly JavaModule[] {
  const file = join(directory, "pom.xml");
  if (!tree.has(file) || depth > 5) return [];
  const text = withoutXmlComments(tree.text(file) ?? "");
  const own = text.replace(/<profiles>[\s\S]*?<\/profiles>/g, "");
  const names = [...own.matchAll(/<module>\s*([^<\s]{1,200})\s*<\/module>/g)].map(([, name = ""]) => name);
  const inner = names
    .map((name) => join(directory, name.replace(/\/pom\.xml$/, "")))
    .filter(isPlainPath)
    .slice(0, most);
  return [{ directory, file, text: own }, ...inner.flatMap((one) => mavenModules(tree, one, depth + 1))].slice(0, most);
}

/** XML without its comments, in linear time. */
function withoutXmlComments(text: string): string {
  const [first = "", ...rest] = text.split("<!--");
  return first + rest.map((part) => (part.includes("-->") ? part.slice(part.indexOf("-->") + 3) : "")).join("");
}

/** Without comments, and without plugins that only the modules apply. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]{0,20000}?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "$1")
    .replace(/^.*\bapply[\s(]+false\b.*$/gm, "");
}

function gradleModule(tree: Tree, directory: string): JavaModule | null {
  const file = tree.first(gradleFiles.map((name) => join(directory, name)));
  if (file === null) return null;
  const text = withoutComments(tree.text(file) ?? "");
  return { directory, file, text: `${text}\n${catalogNames(tree, text).join("\n")}` };
}

/** What `libs.plugins.spring.boot` and `libs.ktor.server` stand for (docs.gradle.org, "Version Catalogs"). */
function catalogNames(tree: Tree, text: string): readonly string[] {
  const file = "gradle/libs.versions.toml";
  const table = tree.has(file) ? tree.toml(file) : null;
  const used = new Set([...text.matchAll(/\blibs\.([\w.]{1,200})/g)].map(([, name = ""]) => name));
  const isUsed = (prefix: string, key: string) => {
    const accessor = `${prefix}${key.replace(/[-_]/g, ".")}`;
    return used.has(accessor) || used.has(`${accessor}.get`);
  };
  const named = (kind: string, prefix: string, inner: readonly string[]) =>
    namesOf(member(table, kind))
      .filter((key) => isUsed(prefix, key))
      .map((key) =>
        [`${kind}.${key}`, ...inner.map((one) => `${kind}.${key}.${one}`)]
          .map((path) => textMember(table, path))
          .find(Boolean),
      );
  return [
    ...named("plugins", "plugins.", ["id"]).map((id) => `id("${id?.split(":")[0]}")`),
    ...named("libraries", "", ["module", "name"]).map((name) => name ?? ""),
  ];
}
