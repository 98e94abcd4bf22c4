import { baseImage } from "../base.ts";
import { comment, type DockerfileLine, defaultPort, dockerfileText, ending, type Probe } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, Recipe, VariableIdea } from "../recipe.ts";
import { join, type Tree } from "../tree.ts";
import { type PythonApp, pythonApp } from "./app.ts";
import { workers } from "./celery.ts";
import { type Declared, declaredBy, requirementFiles } from "./declared.ts";
import { undeclaredImports } from "./imports.ts";
import { aptInstall, type InstallPlan, installStage, sourceFirst, systemPackages } from "./install.ts";
import { choosePython } from "./version.ts";

export const python: LanguageReader = {
  language: "python",
  files: [...requirementFiles, "pyproject.toml", "Pipfile", "manage.py"],
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
      "FastAPI, Starlette or Flask among the declared packages, and a module with `app = FastAPI()`, `app = Flask(…)` or `def create_app(`",
      "main.py, app.py, server.py, bot.py, run.py, also in src/; a Procfile with a line web",
    ],
  };
}

function nothingDeclared(tree: Tree): string {
  const files = [...requirementFiles, "pyproject.toml with dependencies", "Pipfile"];
  const broken = ["pyproject.toml", "Pipfile"].flatMap((file) =>
    tree.broken.has(file) ? [`${file} ${tree.broken.get(file)}`] : [],
  );
  return [`Python packages: ${files.join(", ")}`, ...broken].join("; ");
}

/** The Dockerfile of a Python project: packages into a virtual environment, then a stage with that and the source. */
function pythonRecipe(tree: Tree, { declared, app }: PythonProject, build: BuildChoice): Recipe {
  const python = choosePython(declared.python);
  const base = baseImage(build, "python", `python:${python.tag}-slim`);
  const system = systemPackages(declared);
  const added = app.added === null ? [] : [app.added];
  const plan: InstallPlan = { image: base.image, python, declared, system, added, sourceFirst: sourceFirst(declared) };
  const others = workers(tree, declared, app.django);
  const celery = others.some(({ run }) => run?.[0] === "celery") ? " and Celery" : "";
  const tools = declared.installer === "pyproject" ? "pip" : declared.installer;
  const title = `${app.name}${celery}, packages by ${tools}, Python ${python.tag}`;
  const first = plan.sourceFirst;
  return {
    language: "python",
    evidence: app.name.startsWith("Python") ? "name" : "declared",
    dockerfile: dockerfileText(title, [[...installStage(plan), ...collectStatic(plan, app)], runStage(plan, app)]),
    summary: title,
    warnings: [
      ...base.warnings,
      ...python.warnings,
      ...system.warnings,
      ...app.warnings,
      ...(first === null ? [] : [`every change of the source installs all packages again: ${first}`]),
      ...undeclaredImports(tree, declared),
    ],
    services: [mainService(app), ...others],
    variables: (app.django?.demands ?? []).map(variableIdea),
    build: null,
    needs: [],
  };
}

/** Values that contain a key, a password or an address with one are secret. */
function variableIdea(name: string): VariableIdea {
  const own = /^(?:DJANGO_)?SECRET_KEY$/.test(name);
  return { name, secret: own || /KEY|SECRET|PASSWORD|TOKEN|URL|DSN/.test(name), generate: own ? "django" : null };
}

function mainService({ command, port, ready, release }: PythonApp) {
  return { name: port === null ? "bot" : "web", run: command, port, ready, release, single: port === null };
}

/**
 * Django's static files are collected during the build, so that every instance has the same and none waits for them.
 */
function collectStatic(
  { sourceFirst: first }: InstallPlan,
  { django, directory }: PythonApp,
): readonly DockerfileLine[] {
  if (!django?.collect) return [];
  const variables = [...django.collect].map(([name, value]) => `${name}=${value}`).join(" ");
  return [
    ...(first === null ? [comment("Then the source, which changes most often."), "COPY . ."] : []),
    comment(
      "Static files. The settings need these variables; the values are used only for this command and are in no layer.",
    ),
    `RUN ${directory === "" ? "" : `cd ${directory} && `}${variables} python manage.py collectstatic --noinput`,
  ];
}

const owned = "--chown=1000:1000";

function runStage(
  { image, system, sourceFirst: first }: InstallPlan,
  { command, because, port, ready, directory, django }: PythonApp,
): readonly DockerfileLine[] {
  const fromBuilder = first !== null || Boolean(django?.collect);
  const path = [...new Set([join("/app", directory).replace(/\/$/, ""), "/app"])].join(":");
  const work = django === null ? "/app" : join("/app", directory).replace(/\/$/, "");
  return [
    comment("The final stage: the same base with packages and source, without build tools."),
    `FROM ${image}`,
    ...aptInstall(system.run),
    comment(
      "Unbuffered output; no files beside the source; only the edge reaches the app, so its headers can be trusted.",
    ),
    "ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \\",
    `    PYTHONPATH=${path} FORWARDED_ALLOW_IPS=* PORT=${defaultPort} HOME=/tmp`,
    comment("Packages are a layer of their own, which stays the same while only the source changes."),
    "COPY --from=builder /venv /venv",
    fromBuilder ? `COPY --from=builder ${owned} /app /app` : `COPY ${owned} . /app`,
    `WORKDIR ${work}`,
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
