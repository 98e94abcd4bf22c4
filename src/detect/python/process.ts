import { plainWords } from "../dockerfile.ts";
import { installFiles } from "../first-step.ts";
import type { FirstStep, MachineNeed } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import type { PythonApp } from "./app.ts";
import { collectCommand } from "./django.ts";
import { type InstallPlan, installCommand, toolOf } from "./install.ts";

/** The environment stands in the directory of the source, where the process runtime has its programs in the PATH. */
const here = {
  pip: ".venv/bin/pip install",
  python: ".venv/bin/python",
  tools: "",
  list: ".venv/requirements.txt",
};

/** The command that makes the environment of plain processes: packages, and what the app builds. */
export function processBuild(plan: InstallPlan, { django }: PythonApp): readonly string[] {
  const steps = [...installSteps(plan), ...(django?.collect ? [collectCommand(django, here.python)] : [])];
  const [only = ""] = steps;
  return (steps.length === 1 ? plainWords(only) : null) ?? ["sh", "-c", steps.join(" && ")];
}

function installSteps(plan: InstallPlan): readonly string[] {
  const { declared, added, python } = plan;
  const isUv = declared.installer === "uv";
  return [
    ...(isUv ? [] : [environment(python.programs)]),
    ...(declared.installer === "none" ? [] : [installCommand(plan, here)]),
    ...(added === null ? [] : [`${isUv ? "uv pip install" : here.pip} ${added}`]),
  ];
}

/** The same packages without the source, where the Dockerfile has them in a layer of their own. */
export function pythonFirstStep(tree: Tree, plan: InstallPlan): FirstStep | null {
  const { declared, python, sourceFirst } = plan;
  if (sourceFirst !== null || declared.installer === "none") return null;
  const files = installFiles(tree, declared.files);
  const tool = toolOf(declared.installer);
  const interpreters = [...new Set([...python.programs, "python3"])];
  return {
    files,
    setup: [],
    without: [],
    install: installSteps(plan),
    alike: alike(declared),
    late: [],
    interpreters,
    tools: tool === null ? [] : [tool],
  };
}

/** Other ways to write it, with options that name neither a file nor a directory. */
function alike({ installer, file }: InstallPlan["declared"]): RegExp | null {
  if (installer === "uv") return /^uv sync(?: --[a-z-]+)*$/;
  if (installer !== "pip") return null;
  const name = file.replaceAll(".", "\\.");
  return new RegExp(`^(?:python[\\d.]* -m venv \\.venv|\\.venv/bin/pip install(?: -q| --[a-z-]+)* -r ${name})$`);
}

/** The first of these that can make one; a version manager has programs in the PATH that only say what is missing. */
function environment(programs: readonly string[]): string {
  const [only] = programs;
  if (programs.length === 1) return `${only} -m venv .venv`;
  return `for python in ${programs.join(" ")}; do $python -m venv .venv && break; done`;
}

const toolInstalls = {
  uv: "pipx install uv",
  poetry: "pipx install poetry",
  pipenv: "pipx install pipenv",
  pdm: "pipx install pdm && pipx inject pdm 'hishel<2'",
} as const;

/** Programs that the machine must have. Debian and Ubuntu have the part of Python that makes environments apart. */
export function processNeeds({ declared, python, system }: InstallPlan): readonly MachineNeed[] {
  const tool = toolOf(declared.installer);
  const [program = "python3", ...or] = python.programs;
  const interpreter: MachineNeed = {
    program,
    or,
    version: { range: "*", printedBy: [program, "-c", "import ensurepip, platform; print(platform.python_version())"] },
    why: program === "python3" ? declared.file : python.why.replace(/^requested by /, ""),
    install: `apt-get install ${program}-venv`,
  };
  return [
    ...(tool === "uv" ? [] : [interpreter]),
    ...(tool === null
      ? []
      : [{ program: tool, why: declared.files.at(-1) ?? declared.file, install: toolInstalls[tool] }]),
    ...system.needs,
  ];
}
