import { baseImage } from "../base.ts";
import { comment, type DockerfileLine, defaultPort, dockerfileText, ending, type Probe } from "../dockerfile.ts";
import { withProcfile } from "../procfile.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, Recipe, ServiceIdea, VariableIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import type { PythonApp } from "./app.ts";
import { type Declared, declaredBy, requirementFiles } from "./declared.ts";
import { collectCommand } from "./django.ts";
import { undeclaredImports } from "./imports.ts";
import { aptInstall, type InstallPlan, installStage, sourceFirst, systemPackages, toolOf } from "./install.ts";
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

/** A source with Python packages, otherwise what was searched for without success. */
function pythonProject(tree: Tree): PythonFinding {
  const declared = declaredBy(tree);
  if (declared === null) return { lookedFor: [nothingDeclared(tree)] };
  const app = pythonApp(tree, declared);
  if (app !== null) return { declared, app };
  return {
    lookedFor: [
      "Django: manage.py, and a settings module with a wsgi.py beside it",
      "FastAPI, Starlette, Litestar, Quart or Flask among the declared packages, and a module with `app = FastAPI()`, `app = Flask(…)` or `def create_app(`",
      "main.py, app.py, server.py, bot.py, run.py, worker.py, also in src/; a package with __main__.py; one command in [project.scripts]; a Procfile with a line web",
    ],
  };
}

function nothingDeclared(tree: Tree): string {
  const files = [...requirementFiles, "pyproject.toml with dependencies", "Pipfile", "setup.py", "setup.cfg"];
  const program = tree.first(["manage.py", "main.py", "app.py", "server.py", "bot.py", "wsgi.py", "asgi.py"]);
  const found = program === null ? [] : [`${program} exists: name its packages with \`pip freeze > requirements.txt\``];
  const broken = ["pyproject.toml", "Pipfile"].flatMap((file) =>
    tree.broken.has(file) ? [`${file} ${tree.broken.get(file)}`] : [],
  );
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
  const title = `${app.name}${celery}, packages by ${toolOf(declared.installer) ?? "pip"}, Python ${python.tag}`;
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
    ],
    services: procfile.services,
    variables: variablesOf(tree, app),
    build: processBuild(plan, app),
    firstStep: pythonFirstStep(tree, plan),
    needs: processNeeds(plan),
  };
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
