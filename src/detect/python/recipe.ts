import { baseImage } from "../base.ts";
import { comment, type DockerfileLine, defaultPort, dockerfileText, ending, type Probe } from "../dockerfile.ts";
import { privateIndexes } from "../indexes.ts";
import { withProcfile } from "../procfile.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, Recipe, ServiceIdea, VariableIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import type { PythonApp } from "./app.ts";
import { type Declared, declaredBy, declaredNothing, normalised, requirementFiles } from "./declared.ts";
import { collectCommand } from "./django.ts";
import { missingImports, undeclaredImports } from "./imports.ts";
import { aptInstall, type InstallPlan, installStage, sourceFirst, systemPackages, toolOf } from "./install.ts";
import { distributions } from "./names.ts";
import { processBuild, processNeeds, pythonFirstStep } from "./process.ts";
import { reachable } from "./reachable.ts";
import { isSecretName, requiredIn } from "./required.ts";
import { pythonApp } from "./start.ts";
import { choosePython } from "./version.ts";
import { workers } from "./workers.ts";

export const python: LanguageReader = {
  language: "python",
  files: [...requirementFiles, "pyproject.toml", "Pipfile", "setup.py", "manage.py"],
  recognise(tree, build) {
    const found = pythonProject(tree);
    return "app" in found ? pythonRecipe(tree, found, build) : found;
  },
};

interface PythonProject {
  readonly declared: Declared;
  readonly app: PythonApp;
}

type PythonFinding = PythonProject | { readonly lookedFor: readonly string[] };

/** A source with Python packages, or without any, otherwise what was searched for without success. */
function pythonProject(tree: Tree): PythonFinding {
  const declared = declaredBy(tree);
  if (declared === null) return withoutPackages(tree);
  const app = pythonApp(tree, declared);
  if (app !== null) return { declared, app };
  const notebook = [...tree.paths].find((path) => path.endsWith(".ipynb"));
  return {
    lookedFor: [
      "Django: manage.py, and a settings module with a wsgi.py or asgi.py beside it",
      "FastAPI, Starlette, Litestar, Quart, Flask or another framework among the declared packages, and a module with `app = FastAPI()`, `app = Flask(…)` or `def create_app(`",
      "main.py, app.py, server.py, bot.py, run.py, worker.py, also in src/; a package with __main__.py; one command in [project.scripts]; a Procfile with a line web",
      ...(notebook === undefined
        ? []
        : [`${notebook} is a notebook, which nothing runs here: export its code as main.py`]),
    ],
  };
}

/** A program that imports nothing but what Python has. */
function withoutPackages(tree: Tree): PythonFinding {
  const none = nothingDeclared(tree);
  const app = pythonApp(tree, declaredNothing(tree, "Procfile"));
  const django = tree.has("manage.py")
    ? ["manage.py exists: name its packages with `pip freeze > requirements.txt`"]
    : [];
  if (app === null || !isMeant(tree, app)) return { lookedFor: [none, ...django] };
  const [file = "Procfile"] = app.entries;
  const declared = declaredNothing(tree, file);
  const missing = missingImports(tree, reachable(tree, app.entries, [app.root, ""]), declared);
  if (missing.size === 0) return { declared, app };
  const names = [...missing.keys()].slice(0, 8).map((top) => distributions.get(top)?.[0] ?? normalised(top));
  const words = `${[...missing.values()][0]} imports ${names.join(", ")}, which no file declares`;
  return { lookedFor: [none, `${words}: write each on a line of requirements.txt`] };
}

/** Whether a source without packages is more than a script beside something else: it serves, or is all that there is. */
function isMeant(tree: Tree, { command, evidence, port, entries: [file = ""] }: PythonApp): boolean {
  if (evidence === "declared") return /\bpython3?\b/.test(command.join(" "));
  const other = ["index.html", "public/index.html", "index.php", "public/index.php", "server.js", "app.js", "index.js"];
  return (
    port !== null || (tree.first(other) === null && /(?:^|\/)(?:main|app|bot|run|worker|__main__)\.py$/.test(file))
  );
}

function nothingDeclared(tree: Tree): string {
  const files = [
    ...requirementFiles.slice(0, 5),
    "pyproject.toml with dependencies",
    "Pipfile",
    "setup.py",
    "setup.cfg",
  ];
  const broken = ["pyproject.toml", "Pipfile"].flatMap((file) =>
    tree.broken.has(file) ? [`${file} ${tree.broken.get(file)}`] : [],
  );
  const conda = tree.first(["environment.yml", "environment.yaml", "conda.yml"]);
  const found =
    conda === null ? [] : [`${conda} is for conda, which nothing runs here: list the packages in requirements.txt`];
  return [`Python packages: ${files.join(", ")}`, ...broken, ...found].join("; ");
}

/** A Python project: packages in a virtual environment, beside the source or in a stage of their own. */
function pythonRecipe(tree: Tree, { declared, app }: PythonProject, build: BuildChoice): Recipe {
  const python = choosePython(declared.python);
  const base = baseImage(build, "python", `python:${python.tag}-slim`);
  const system = systemPackages(declared);
  const { added, self } = app;
  const first = sourceFirst(declared, self);
  const plan: InstallPlan = { image: base.image, python, declared, system, added, self, sourceFirst: first };
  const others = workers(tree, declared, app.django);
  const procfile = withProcfile(tree, [mainService(app), ...others]);
  const celery = others.some(({ run }) => run?.[0] === "celery") ? " and Celery" : "";
  const title = `${app.name}${celery}, ${packagesBy(declared)}, Python ${python.tag}`;
  return {
    language: "python",
    evidence: app.evidence,
    dockerfile: dockerfileText(title, [[...installStage(plan), ...collectStatic(plan, app)], runStage(plan, app)]),
    summary: title,
    warnings: [
      ...base.warnings,
      ...python.warnings,
      ...system.warnings,
      ...app.warnings,
      ...procfile.warnings,
      ...(first === null ? [] : [`every change of the source installs all packages again: ${first}`]),
      ...undeclaredImports(tree, declared),
      ...privateIndexes(
        tree,
        declared.files.filter((file) => !file.endsWith(".lock")),
      ),
    ],
    services: procfile.services,
    variables: variablesOf(tree, app),
    build: processBuild(plan, app),
    firstStep: pythonFirstStep(tree, plan),
    needs: processNeeds(plan),
  };
}

function packagesBy({ installer }: Declared): string {
  return installer === "none" ? "no packages" : `packages by ${toolOf(installer) ?? "pip"}`;
}

function variablesOf(tree: Tree, { django, entries, root }: PythonApp): readonly VariableIdea[] {
  const settings = django?.settings ?? null;
  const files = reachable(tree, entries, [root, ""]);
  return [
    ...(settings === null
      ? []
      : [{ name: "DJANGO_SETTINGS_MODULE", secret: false, generate: null, value: settings } as const]),
    ...requiredIn(tree, files).map((name): VariableIdea => {
      const own = /^(?:DJANGO_|FLASK_)?SECRET_KEY$/.test(name);
      return { name, secret: own || isSecretName(name), generate: own ? "django" : null };
    }),
  ];
}

function mainService({ process, command, port, ready, release }: PythonApp): ServiceIdea {
  return { name: process, run: command, port, ready, release, single: port === null };
}

/**
 * Django's static files are collected during the build, so that every instance has the same and none waits for them.
 */
function collectStatic({ sourceFirst: first }: InstallPlan, { django }: PythonApp): readonly DockerfileLine[] {
  if (!django?.collect) return [];
  return [
    ...(first === null ? [comment("Then the source, which changes most often."), "COPY . ."] : []),
    comment(
      "Static files. The settings need these variables; the values are used only for this command and are in no layer.",
    ),
    `RUN ${collectCommand(django, "python")}`,
  ];
}

const owned = "--chown=1000:1000";

function runStage(
  { image, system, sourceFirst: first }: InstallPlan,
  { command, because, port, ready, root, django }: PythonApp,
): readonly DockerfileLine[] {
  const fromBuilder = first !== null || Boolean(django?.collect);
  const path = root === "" ? "/app" : `/app/${root}:/app`;
  const settings = django?.settings == null ? "" : ` DJANGO_SETTINGS_MODULE=${django.settings}`;
  return [
    comment("The final stage: the same base with packages and source, without build tools."),
    `FROM ${image}`,
    ...aptInstall(system.run),
    comment(
      "Unbuffered output; no files beside the source; only the edge reaches the app, so its headers can be trusted.",
    ),
    "ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \\",
    `    PYTHONPATH=${path} FORWARDED_ALLOW_IPS=* PORT=${defaultPort} HOME=/tmp${settings}`,
    comment("Packages are a layer of their own, which stays the same while only the source changes."),
    "COPY --from=builder /venv /venv",
    fromBuilder ? `COPY --from=builder ${owned} /app /app` : `COPY ${owned} . /app`,
    "WORKDIR /app",
    ...ending({ probe: port === null ? null : probeOf(ready), command, because }),
  ];
}

/** Any answer below 500 counts as alive (Django answers 400 to an unknown host); readiness is probed from outside. */
function probeOf(ready: string | null): Probe {
  const script = [
    "import http.client, os, sys",
    "c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=8)",
    `c.request('GET', '${ready ?? "/"}')`,
    "sys.exit(c.getresponse().status >= 500)",
  ].join("; ");
  return { command: ["python", "-c", script] };
}
