import { defaultPort, plainWords } from "./dockerfile.ts";
import { portInWords } from "./port.ts";
import { commandOf } from "./procfile.ts";
import { isRecipe, type Recipe, type ServiceIdea, type Unrecognised } from "./recipe.ts";

/** What a source with its own Dockerfile is for a manifest. */
export type GivenRecipe = Pick<Recipe, "summary" | "warnings" | "services" | "build" | "needs" | "variables">;

interface Instruction {
  readonly name: string;
  readonly words: string;
}

/**
 * The service of an existing Dockerfile, on a port that it exposes. Its `CMD` is written as `run`, and what detection
 * says of building is kept, so that plain processes run the same; where they cannot, a warning says why.
 */
export function ownDockerfile(text: string, detected: Recipe | Unrecognised): GivenRecipe {
  const all = instructionsOf(text);
  const stage = all.slice(all.findLastIndex(({ name }) => name === "FROM"));
  const { port, warnings } = portOf(stage, valuesOf(all));
  const command = commandIn(stage);
  const service: ServiceIdea = { name: "web", run: null, port, ready: null, release: null, single: false };
  const known = isRecipe(detected) ? detected : { build: null, needs: [], variables: [] };
  if (typeof command === "string") {
    const why = `${command}: plain processes need \`run\` in fairlead.yml, or use a container engine`;
    return { ...nothing, warnings: [...warnings, why], services: [service], variables: known.variables };
  }
  const [program = ""] = command;
  const needs = [...known.needs];
  if (!isRecipe(detected) && program !== "sh")
    needs.push({ program, why: "CMD of the Dockerfile", install: "install it, or use a container engine" });
  const { build, variables } = known;
  return { ...nothing, warnings, services: [{ ...service, run: command }], build, needs, variables };
}

const nothing = { summary: "its own Dockerfile", build: null, needs: [] };

/** Instructions with their continuation lines; heredocs are not told apart. */
function instructionsOf(text: string): readonly Instruction[] {
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*#/.test(line));
  return lines
    .join("\n")
    .replace(/[\\`][ \t]*\n/g, " ")
    .split("\n")
    .flatMap((line) => {
      const [, name, words] = /^\s*([A-Za-z]+)\s+(.*\S)\s*$/.exec(line) ?? [];
      return name && words ? [{ name: name.toUpperCase(), words }] : [];
    });
}

/** Defaults of ARG and values of ENV as they are at the end, with earlier ones in them. */
function valuesOf(all: readonly Instruction[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const { name, words } of all.filter(({ name }) => name === "ARG" || name === "ENV")) {
    const pairs = name === "ENV" ? words.replace(/^(\w+)\s+(?=[^=]*$)/, "$1=") : words;
    for (const [, key = "", value = ""] of pairs.matchAll(/(\w+)=["']?([^\s"']*)/g))
      values.set(key, replaced(value, values));
  }
  return values;
}

/** With the values of `$NAME` and `${NAME:-other}`. */
function replaced(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{?(\w+)(?::?-([^}]*))?\}?/g, (_, key: string, other = "") => values.get(key) || other);
}

function portOf(
  stage: readonly Instruction[],
  values: ReadonlyMap<string, string>,
): { readonly port: number; readonly warnings: readonly string[] } {
  const words = stage.filter(({ name }) => name === "EXPOSE").flatMap((one) => one.words.split(/\s+/));
  const read = words.filter((word) => !/\/udp$/i.test(word)).map((word) => ({ word, port: portIn(word, values) }));
  const ports = [...new Set(read.map(({ port }) => port).filter((port) => port !== null))];
  const unknown = read
    .filter(({ port }) => port === null)
    .map(({ word }) => `EXPOSE ${word} has no known value, so it is ignored`);
  const told = portIn(values.get("PORT") ?? "", values);
  const port = told !== null && (ports.length === 0 || ports.includes(told)) ? told : (ports[0] ?? defaultPort);
  if (ports.length > 1)
    return {
      port,
      warnings: [
        ...unknown,
        `the Dockerfile exposes ${ports.join(", ")}: ${port} is used, which \`http.port\` changes`,
      ],
    };
  if (ports.length === 1 || told !== null) return { port, warnings: unknown };
  const usual = portOfBase(stage, values);
  if (usual !== null) return { port: usual, warnings: unknown };
  return {
    port,
    warnings: [...unknown, `the Dockerfile exposes no port: ${port} is assumed, and the app is told it as PORT`],
  };
}

/** The port on which the program of a common base image listens, which the image itself exposes; null: unknown. */
function portOfBase(stage: readonly Instruction[], values: ReadonlyMap<string, string>): number | null {
  const image = replaced(stage[0]?.words.split(/\s+/).find((word) => !word.startsWith("--")) ?? "", values);
  const name = image.replace(/[:@].*$/, "").replace(/^(?:docker\.io\/)?(?:library\/)?/, "");
  if (/^(?:nginx|httpd|caddy|wordpress)$/.test(name) || /^php:.*apache/.test(image)) return 80;
  return /^(?:nginxinc\/nginx-unprivileged|tomcat)$/.test(name) ? 8080 : null;
}

/** The number of `3000/tcp`, `$PORT`, `${PORT:-3000}` and `3000-3010`; null: unknown. */
function portIn(word: string, values: ReadonlyMap<string, string>): number | null {
  const port = Number(/^(\d{1,5})(?:-\d{1,5})?(?:\/tcp)?$/i.exec(replaced(word, values))?.[1] ?? 0);
  return port > 0 && port < 65_536 ? port : null;
}

/** The arguments of CMD, or why they are no command of a plain process. */
function commandIn(stage: readonly Instruction[]): readonly string[] | string {
  const last = (name: string) => stage.findLast((one) => one.name === name)?.words;
  if (last("ENTRYPOINT") !== undefined) return "the Dockerfile has an ENTRYPOINT";
  const given = last("CMD");
  if (given === undefined) return "the Dockerfile has no CMD";
  const words = given.startsWith("[") ? execWords(given) : commandOf(given.replace(/^exec\s+/, ""));
  if (words === null || words.length === 0) return "CMD of the Dockerfile is not a list of texts";
  return words[0]?.startsWith("/")
    ? `CMD of the Dockerfile starts ${words[0]}, which is in the image`
    : hasShell(stage)
      ? withPort(words)
      : words;
}

/** Whether the last image can start one, as far as its name says. */
function hasShell([from]: readonly Instruction[]): boolean {
  return !/^scratch\b|distroless|chainguard/.test(from?.words ?? "");
}

/** A port that stands in the command is left to the platform, by a shell; a command of a shell says it in its text. */
function withPort(words: readonly string[]): readonly string[] {
  const [first = "", option = "", script = ""] = words;
  if (first === "sh" && option === "-c" && words.length === 3) return ["sh", "-c", portInWords(script)];
  const line = words.join(" ");
  return plainWords(line) === null || portInWords(line) === line ? words : commandOf(portInWords(line));
}

function execWords(text: string): readonly string[] | null {
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) && words.every((word) => typeof word === "string") ? words : null;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}
