import { comment, copy, type DockerfileLine, isPlainPath } from "../dockerfile.ts";
import { pins } from "../pins.ts";
import { directoryOf } from "../tree.ts";
import type { Declared, Installer } from "./declared.ts";
import type { ChosenPython } from "./version.ts";

/** Packages without wheels: the Debian packages needed to compile and to run them. */
const compiled: Readonly<
  Record<string, { readonly build: readonly string[]; readonly run: readonly string[]; readonly instead: string }>
> = {
  psycopg2: { build: ["libpq-dev"], run: ["libpq5"], instead: "psycopg2-binary or psycopg[binary]" },
  mysqlclient: { build: ["default-libmysqlclient-dev", "pkg-config"], run: ["libmariadb3"], instead: "PyMySQL" },
  uwsgi: { build: [], run: [], instead: "gunicorn" },
};

export interface System {
  readonly build: readonly string[];
  readonly run: readonly string[];
  readonly warnings: readonly string[];
}

/** Debian packages that the declared ones need. */
export function systemPackages({ packages }: Declared): System {
  const found = Object.entries(compiled).filter(([name]) => packages.has(name));
  return {
    build: found.length === 0 ? [] : ["build-essential", ...found.flatMap(([, { build }]) => build)],
    run: found.flatMap(([, { run }]) => run),
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
  /** Packages to add to the declared ones. */
  readonly added: readonly string[];
  /** Why the whole source must exist first; null if the files that declare packages are enough. */
  readonly sourceFirst: string | null;
}

/** Why packages cannot be installed before the source; null if they can. */
export function sourceFirst({ files, local }: Declared): string | null {
  if (local) return "a requirement is a directory of the source";
  return files.every(isPlainPath) ? null : "a file that declares packages has an unusual name";
}

/** A stage with the packages in /venv, in layers that a change of the source does not affect. */
export function installStage({
  image,
  python,
  declared,
  system,
  added,
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
    ...tool(declared.installer),
    ...(first === null ? filesFirst(declared.files) : [comment(`The whole source first: ${first}.`), "COPY . ."]),
    ...installs(declared),
    ...(added.length === 0
      ? []
      : [
          comment(`Not declared in ${declared.file}, but needed to serve.`),
          `RUN pip install --no-cache-dir ${added.join(" ")}`,
        ]),
  ];
}

function filesFirst(files: readonly string[]): readonly DockerfileLine[] {
  const groups = Map.groupBy(files, directoryOf);
  return [
    comment("Packages first: they are installed again only when one of these files changes."),
    ...[...groups].map(([directory, group]) => copy(group, directory === "" ? "./" : `${directory}/`)),
  ];
}

function tool(installer: Installer): readonly DockerfileLine[] {
  if (installer === "pip" || installer === "pyproject") return [];
  return [
    comment(`${installer} in a fixed version and apart from the packages; it stays in this stage.`),
    `RUN python -m venv /opt/tools && /opt/tools/bin/pip install --no-cache-dir ${installer}==${pins[installer]}`,
    ...(installer === "uv"
      ? ["ENV UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1"]
      : []),
    ...(installer === "pipenv" ? ["ENV PIPENV_VERBOSITY=-1"] : []),
  ];
}

/** The project itself is not installed: its modules are found by PYTHONPATH, so that its source need not exist yet. */
function installs({ installer, file, locked }: Declared): readonly DockerfileLine[] {
  if (installer === "pip")
    return [`RUN pip install --no-cache-dir -r ${isPlainPath(file) ? file : "requirements.txt"}`];
  if (installer === "poetry") return ["RUN /opt/tools/bin/poetry install --only=main --no-root --no-interaction"];
  if (installer === "uv")
    return [
      `RUN /opt/tools/bin/uv sync ${locked ? "--frozen " : ""}--no-dev --no-install-workspace --inexact --no-cache`,
    ];
  if (installer === "pipenv") return [`RUN /opt/tools/bin/pipenv ${locked ? "sync" : "install --skip-lock"}`];
  return [
    `RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\\n')" \\`,
    "      > /tmp/requirements.txt \\",
    "    && pip install --no-cache-dir -r /tmp/requirements.txt",
  ];
}
