import type { Recipe, ServiceIdea } from "../detect/recipe.ts";
import { splitCommand } from "../manifest/command.ts";
import { namePattern } from "../model/environment.ts";

const usualPort = 8000;

export interface FirstManifest {
  readonly app: string;
  /** Description of the source, for the comment on top. */
  readonly summary: string;
  readonly services: readonly ServiceIdea[];
  /** How plain processes install and build; null if they need not. */
  readonly build: readonly string[] | null;
  /** Variables without which the app does not start. */
  readonly variables: Recipe["variables"];
}

/** The text of a first fairlead.yml: as short as possible, because the defaults are good. */
export function firstManifest({ app, summary, services, build, variables }: FirstManifest): string {
  const lines = [
    `# ${summary}`,
    "version: 1",
    `app: ${app}`,
    ...(build === null ? [] : ["# Without a container engine, this prepares plain processes.", ...buildLines(build)]),
    ...variableLines(variables),
    "services:",
    ...services.flatMap(serviceLines),
  ];
  return `${lines.join("\n")}\n`;
}

/** A script of several lines as YAML writes one. */
function buildLines(build: readonly string[]): readonly string[] {
  const script = build.at(-1) ?? "";
  if (!script.includes("\n")) return [`build: { command: ${commandText(build, true)} }`];
  const before = build.slice(0, -1).map((word) => `    - ${scalar(word, false)}`);
  const lines = script.split("\n").map((line) => `      ${line}`);
  return ["build:", "  command:", ...before, "    - |-", ...lines];
}

function variableLines(variables: Recipe["variables"]): readonly string[] {
  if (variables.length === 0) return [];
  const rule = ({ generate, secret, value }: Recipe["variables"][number]) =>
    value !== undefined
      ? scalar(value, false)
      : generate === null
        ? `{ required: true${secret ? ", secret: true" : ""} }`
        : `{ secret: true, generate: ${generate} }`;
  const demanded = variables.some(({ value }) => value === undefined);
  const words =
    "# The app does not start without these. `generate` creates a value once and keeps it; set the rest: `fairlead env set NAME=…`.";
  return [...(demanded ? [words] : []), "env:", ...variables.map((one) => `  ${one.name}: ${rule(one)}`)];
}

function serviceLines({ name, run, files, port, ready, release, single }: ServiceIdea): readonly string[] {
  const own = [
    run === null ? null : `run: ${commandText(run)}`,
    files === undefined ? null : `static: ${filesText(files)}`,
    release === null ? null : `release: ${commandText(release)}`,
    port === null ? null : `http: ${httpText(port, ready)}`,
    single ? "single: true" : null,
  ].filter((line) => line !== null);
  return [`  ${name}:`, ...own.map((line) => `    ${line}`)];
}

function filesText({ path, fallback }: NonNullable<ServiceIdea["files"]>): string {
  return fallback === null
    ? scalar(path, false)
    : `{ path: ${scalar(path, true)}, fallback: ${scalar(fallback, true)} }`;
}

function httpText(port: number, ready: string | null): string {
  const parts = [
    port === usualPort ? null : `port: ${port}`,
    ready === null ? null : `ready: { path: ${scalar(ready, true)} }`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

/** One line if it parses back to the same arguments, otherwise a list. */
function commandText(words: readonly string[], inFlow = false): string {
  const line = words.join(" ");
  const split = splitCommand(line);
  const same = split.ok && split.words.length === words.length && split.words.every((word, i) => word === words[i]);
  return same ? scalar(line, inFlow) : `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
}

/** A plain scalar if YAML reads it as text, otherwise a quoted one; JSON's quotes are YAML's (YAML 1.2, 5.7). */
function scalar(text: string, inFlow: boolean): string {
  const isWord = /^(?:true|false|null|yes|no|on|off)$/i.test(text) || text.endsWith(" ");
  const isPlain = inFlow ? /^[A-Za-z/][\w /.=@+-]*$/.test(text) : /^[A-Za-z/](?!.*:(?: |$))[\w /.=@+:,-]*$/.test(text);
  return isPlain && !isWord ? text : JSON.stringify(text);
}

/** The allowed name closest to that of a directory or package; null if nothing is left of it. */
export function appNameFrom(text: string): string | null {
  const name = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/^@[^/]*\//, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return namePattern.test(name) ? name : null;
}
