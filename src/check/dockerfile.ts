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

/** Path of the Dockerfile that images are built with, whether or not it exists. */
export function dockerfilePath({ context, dockerfile }: Pick<BuildSpec, "context" | "dockerfile">): string {
  return [context === "." ? "" : context, dockerfile ?? "Dockerfile"].filter((part) => part !== "").join("/");
}

/** The instructions of a Dockerfile, each with its first line; a backslash at the end continues a line. */
export function instructionsOf({ text }: SourceFile): readonly Instruction[] {
  const found: Instruction[] = [];
  let open: { parts: string[]; line: number } | null = null;
  for (const [place, line] of text.split("\n").entries()) {
    if (/^\s*#/.test(line)) continue;
    open ??= { parts: [], line: place + 1 };
    const part = line.trim();
    const goesOn = part.endsWith("\\");
    open.parts.push(goesOn ? part.slice(0, -1).trim() : part);
    if (goesOn) continue;
    const [, word, rest] = /^([A-Za-z]+)\s(.*)$/s.exec(open.parts.join(" ").trim()) ?? [];
    if (word && rest !== undefined) found.push({ word: word.toUpperCase(), rest: rest.trim(), line: open.line });
    open = null;
  }
  return found;
}

/** The instructions of the named stage, otherwise of the last one, after those of its base stages. */
export function stageOf(instructions: readonly Instruction[], name: string | null): readonly Instruction[] {
  const stages: (readonly Instruction[])[] = [];
  let wanted = name;
  let end = instructions.length;
  for (let from = end - 1; from >= 0; from -= 1) {
    const first = instructions[from];
    if (first?.word !== "FROM") continue;
    if (wanted === null || stageName(first) === wanted) {
      stages.unshift(instructions.slice(from, end));
      wanted = baseImageOf(first);
    }
    end = from;
  }
  return stages.flat();
}

/** The base of a stage, an image or a previous stage; stage names are case-insensitive. */
export function baseImageOf({ rest }: Instruction): string {
  return wordsOf(rest)[0] ?? "";
}

/** The name that a FROM gives its stage; null when it gives none. */
export function stageName({ rest }: Instruction): string | null {
  return wordsOf(rest)[2] ?? null;
}

function wordsOf(rest: string): readonly string[] {
  return rest
    .toLowerCase()
    .replace(/^--\S+\s+/, "")
    .split(/\s+/);
}
