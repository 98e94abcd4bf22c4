import type { BuildSpec } from "../model/release.ts";
import type { SourceFile, Subject } from "./subject.ts";

export interface Instruction {
  readonly word: string;
  readonly rest: string;
  readonly line: number;
}

export function dockerfilesOf({ files }: Pick<Subject, "files">): readonly SourceFile[] {
  return files.filter(({ path }) => /(?:^|\/)(?:Dockerfile|Containerfile)(?:\.[\w-]+)?$|\.dockerfile$/i.test(path));
}

/** Where the Dockerfile lies that images are built with; nothing is said of whether it is there. */
export function dockerfilePath({ context, dockerfile }: Pick<BuildSpec, "context" | "dockerfile">): string {
  return [context === "." ? "" : context, dockerfile ?? "Dockerfile"].filter((part) => part !== "").join("/");
}

/** The instructions of a Dockerfile, each with the line that it begins in; one may go on over lines that end with a backslash. */
export function instructionsOf({ text }: SourceFile): readonly Instruction[] {
  const found: Instruction[] = [];
  let open: { text: string; line: number } | null = null;
  for (const [place, line] of text.split("\n").entries()) {
    if (/^\s*#/.test(line)) continue;
    open = open ? { text: `${open.text} ${line.trim()}`, line: open.line } : { text: line.trim(), line: place + 1 };
    if (open.text.endsWith("\\")) {
      open.text = open.text.slice(0, -1).trim();
      continue;
    }
    const [, word, rest] = /^([A-Za-z]+)\s+(.*)$/.exec(open.text) ?? [];
    if (word && rest !== undefined) found.push({ word: word.toUpperCase(), rest: rest.trim(), line: open.line });
    open = null;
  }
  return found;
}

/** The instructions of the stage that is named, else of the last one, after those of the stages that it is built on. */
export function stageOf(instructions: readonly Instruction[], name: string | null): readonly Instruction[] {
  const from = instructions.findLastIndex((one) => one.word === "FROM" && (name === null || nameOf(one) === name));
  const first = instructions[from];
  if (!first) return [];
  const rest = instructions.slice(from + 1);
  const end = rest.findIndex(({ word }) => word === "FROM");
  const own = [first, ...(end < 0 ? rest : rest.slice(0, end))];
  return [...stageOf(instructions.slice(0, from), baseOf(first)), ...own];
}

/** What a stage is built on, an image or an earlier stage: names of stages have no capitals that count. */
export function baseOf({ rest }: Instruction): string {
  return wordsOf(rest)[0] ?? "";
}

/** The name that a FROM gives its stage; null when it gives none. */
export function nameOf({ rest }: Instruction): string | null {
  return wordsOf(rest)[2] ?? null;
}

function wordsOf(rest: string): readonly string[] {
  return rest
    .toLowerCase()
    .replace(/^--\S+\s+/, "")
    .split(/\s+/);
}
