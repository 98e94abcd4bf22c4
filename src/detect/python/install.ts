import { comment, copy, type DockerfileLine, isPlainPath } from "../dockerfile.ts";
import { pins } from "../pins.ts";
import type { MachineNeed } from "../recipe.ts";
import { directoryOf } from "../tree.ts";
import type { Declared, Installer } from "./declared.ts";
import type { ChosenPython } from "./version.ts";

/** Packages without wheels: the Debian packages needed to compile and to run them. */
const compiled: Readonly<
  Record<string, { build: readonly string[]; run: readonly string[]; program: string; instead: string }>
> = {
  psycopg2: {
    build: ["libpq-dev"],
    run: ["libpq5"],
    program: "pg_config",
    instead: "psycopg2-binary or psycopg[binary]",
  },
  mysqlclient: {
    build: ["default-libmysqlclient-dev", "pkg-config"],
    run: ["libmariadb3"],
    program: "mysql_config",
    instead: "PyMySQL",
  },
  uwsgi: { build: [], run: [], program: "cc", instead: "gunicorn" },
};

interface System {
  readonly build: readonly string[];
  readonly run: readonly string[];
  /** The same on a machine that runs plain processes. */
  readonly needs: readonly MachineNeed[];
  readonly warnings: readonly string[];
}

/** Debian packages that the declared ones need. */
export function systemPackages({ packages }: Declared): System {
  const found = Object.entries(compiled).filter(([name]) => packages.has(name));
  return {
    build: found.length === 0 ? [] : ["build-essential", ...found.flatMap(([, { build }]) => build)],
    run: found.flatMap(([, { run }]) => run),
    needs: found.map(([name, { program, build }]) => ({
      program,
      why: `${name}, which is compiled`,
      install: `apt-get install ${["build-essential", "python3-dev", ...build].join(" ")}`,
    })),
    warnings: found.map(
      ([name, { instead }]) => `${name} is compiled during the build, which is slow; ${instead} needs no compiler`,
    ),
  };
}

export function aptInstall(packages: readonly string[]): readonly DockerfileLine[] {
  if (packages.length === 0) return [];
  return [
    "RUN apt-get update \\",
    `    && apt-get install --yes --no-install-recommends ${packages.join(" ")} \\`,
    "    && rm -rf /var/lib/apt/lists/*",
  ];
}

export interface InstallPlan {
  readonly image: string;
  readonly python: ChosenPython;
  readonly declared: Declared;
  readonly system: System;
  /** Whether the project itself is installed. */
  readonly self: boolean;
  /** A server to add to the declared packages. */
  readonly added: string | null;
  /** Why the whole source must exist first; null if the files that declare packages are enough. */
  readonly sourceFirst: string | null;
}

/** Why packages cannot be installed before the source; null if they can. */
export function sourceFirst({ files, local }: Declared, self: boolean): string | null {
  if (self) return "the command that runs is the project's own";
  return local ?? (files.every(isPlainPath) ? null : "a file that declares packages has an unusual name");
}

/** A stage with the packages in /venv, in layers that a change of the source does not affect. */
export function installStage({
  image,
  python,
  declared,
  system,
  added,
  self,
  sourceFirst: first,
}: InstallPlan): readonly DockerfileLine[] {
  const compilers =
    system.build.length === 0
      ? []
      : [comment("Compilers, for packages that come without wheels; they stay in this stage.")];
  return [
    comment(`Packages are installed here. Python ${python.tag}: ${python.why}.`),
    `FROM ${image} AS builder`,
    ...compilers,
    ...aptInstall(system.build),
    comment("One directory with all packages, which the stage that runs takes over whole."),
    "RUN python -m venv /venv",
    "ENV VIRTUAL_ENV=/venv PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1",
    "WORKDIR /app",
    ...toolLines(declared.installer),
    ...(declared.installer === "none"
      ? []
      : [
          ...(first === null ? filesFirst(declared.files) : [comment(`The whole source first: ${first}.`), "COPY . ."]),
          `RUN ${installCommand({ declared, self }, inImage)}`,
        ]),
    ...(added === null
      ? []
      : [comment(`Not declared in ${declared.file}, but needed to serve.`), `RUN ${inImage.pip} ${added}`]),
  ];
}

function filesFirst(files: readonly string[]): readonly DockerfileLine[] {
  const groups = Map.groupBy(files, directoryOf);
  return [
    comment("Packages first: they are installed again only when one of these files changes."),
    ...[...groups].map(([directory, group]) => copy(group, directory === "" ? "./" : `${directory}/`)),
  ];
}

/** The program that reads the declaration, where it is not pip. */
export function toolOf(installer: Installer): "poetry" | "uv" | "pipenv" | "pdm" | null {
  return installer === "poetry" || installer === "uv" || installer === "pipenv" || installer === "pdm"
    ? installer
    : null;
}

function toolLines(installer: Installer): readonly DockerfileLine[] {
  const tool = toolOf(installer);
  if (tool === null) return [];
  return [
    comment(`${tool} in a fixed version and apart from the packages; it stays in this stage.`),
    // PDM 2.29 allows hishel 2 and fails with it: "module 'hishel' has no attribute 'SyncSqliteStorage'".
    `RUN python -m venv /opt/tools && /opt/tools/bin/pip install --no-cache-dir ${tool}==${pins[tool]}${tool === "pdm" ? " 'hishel<2'" : ""}`,
    ...(tool === "uv"
      ? ["ENV UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1"]
      : []),
    ...(tool === "pipenv" ? ["ENV PIPENV_VERBOSITY=-1"] : []),
  ];
}

/** How programs are named where packages are installed. */
interface Place {
  /** The command that installs packages by name. */
  readonly pip: string;
  readonly python: string;
  /** The directory of poetry, uv, pipenv and pdm. */
  readonly tools: string;
  /** A file for a generated list of requirements. */
  readonly list: string;
}

const inImage: Place = {
  pip: "pip install --no-cache-dir",
  python: "python",
  tools: "/opt/tools/bin/",
  list: "/tmp/requirements.txt",
};

/**
 * Installs what is declared. The project itself is installed only where its own command is what runs: its modules are
 * found without, and its source need not exist yet.
 */
export function installCommand({ declared, self }: Pick<InstallPlan, "declared" | "self">, place: Place): string {
  const { installer, file, locked, local, workspace } = declared;
  const { pip, python, tools, list } = place;
  const unless = (flag: string) => (self ? "" : ` ${flag}`);
  if (installer === "pip") return `${pip} -r ${file}`;
  if (installer === "setup" || (installer === "pyproject" && self)) return `${pip} .`;
  if (installer === "poetry") return `${tools}poetry install --only=main${unless("--no-root")} --no-interaction`;
  if (installer === "uv") {
    const members = workspace ? " --all-packages" : "";
    const image = place === inImage ? " --inexact --no-cache" : "";
    const none = unless(local === null ? "--no-install-workspace" : "--no-install-project");
    return `${tools}uv sync${locked ? " --frozen" : ""} --no-dev${members}${none}${image}`;
  }
  if (installer === "pdm") return `${tools}pdm ${locked ? "sync" : "install"} --prod${unless("--no-self")}`;
  if (installer === "pipenv") return `${tools}pipenv ${locked ? "sync" : "install --skip-lock"}`;
  const names = `import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\\n')`;
  return `${python} -c "${names}" > ${list} && ${pip} -r ${list}`;
}
