import { posix } from "node:path";
import { baseImageOf, dockerfilePath, type Instruction, instructionsOf } from "../dockerfile.ts";
import { fileNamed, type StartCommand, startCommands } from "../started.ts";
import type { Rule, RuleFinding, SourceFile, Subject } from "../subject.ts";

const shell = /^(?:\/(?:usr\/)?bin\/)?(?:ba|da|z|k)?sh$/;

/** A script whose interpreter is not found ends with "not found", although the script is there. */
export const scriptStart: Rule = {
  id: "script-start",
  title: "Start scripts can be started",
  why: "The system reports a script as not found if its first line ends with a carriage return (a checkout on Windows) or names a program that the image lacks, and refuses one that is not executable.",
  fix: "convert it with `sed -i 's/\\r$//' FILE` and write `*.sh text eol=lf` in .gitattributes; make it executable with `chmod +x FILE` and `git update-index --chmod=+x FILE`; install its interpreter in the image, or use #!/bin/sh",
  severity: () => "warning",
  look: (subject) => startCommands(subject).flatMap((command) => look(subject, command)),
};

function look(subject: Subject, command: StartCommand): readonly RuleFinding[] {
  const steps = command.stage ?? buildSteps(subject);
  // `sh -c` has a whole line as its word.
  const words = command.words.flatMap((word) => word.split(/\s+/)).slice(0, 12);
  return words.flatMap((word, place) => {
    const file = /[./]/.test(word) ? fileNamed(subject, word, command) : undefined;
    if (!file) return [];
    const before = words[place - 1] ?? "";
    const isGiven = place > 0 && shell.test(before);
    const isFirst = place === 0 || /^(?:-c|exec|&&|--|\S+=\S*)$/.test(before);
    const isProgram = isFirst || (command.stage !== null && !isGiven && /^#!/.test(file.text));
    const wrong = isGiven ? wrongWhenRead(file, steps) : isProgram ? wrongAsProgram(file, steps) : null;
    if (wrong === null) return [];
    const starter = "path" in command.at ? command.at.path : `${command.at.file}:${command.at.line}`;
    return [{ at: { file: file.path, line: 1 }, message: `is started by ${starter}, but ${wrong}` }];
  });
}

/** The image's steps can mend a script also for a command of the manifest. */
function buildSteps({ files, spec: { build } }: Subject): readonly Instruction[] {
  const file = files.find(({ path }) => path === dockerfilePath(build));
  return file ? instructionsOf(file) : [];
}

type Steps = readonly Instruction[];

function someStep(steps: Steps, pattern: RegExp): boolean {
  return steps.some(({ word, rest }) => ["RUN", "COPY", "ADD"].includes(word) && pattern.test(rest));
}

/** A shell that reads a script needs neither its first line nor a permission. */
function wrongWhenRead({ text }: SourceFile, steps: Steps): string | null {
  if (!text.includes("\r\n") || someStep(steps, mends)) return null;
  return "its lines end with CR LF, which a shell takes for part of its words";
}

const mends = /dos2unix|sed .*\\r/;

function wrongAsProgram({ path, text, isExecutable }: SourceFile, steps: Steps): string | null {
  const interpreter = posix.basename(/^#!\s*(?:\/usr\/bin\/env\s+(?:-S\s+)?)?(\S+)/.exec(text)?.[1] ?? "");
  if (/^#![^\n]*\r\n/.test(text) && !someStep(steps, mends))
    return `its first line ends with a carriage return: the system looks for "${interpreter}\\r"`;
  if (isExecutable === false && !someStep(steps, /chmod/)) return "it is not executable";
  const isAlpine = steps.some((step) => step.word === "FROM" && baseImageOf(step).includes("alpine"));
  const isInstalled = steps.some(({ word, rest }) => word === "RUN" && /\bbash\b/.test(rest.replaceAll(path, "")));
  return interpreter === "bash" && isAlpine && !isInstalled
    ? "its first line names bash, which images of Alpine do not have"
    : null;
}
