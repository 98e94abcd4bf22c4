import { commandOf, readProcfile } from "../procfile.ts";
import type { ServiceIdea } from "../recipe.ts";
import { join, type Tree } from "../tree.ts";
import type { Declared } from "./declared.ts";
import type { Django } from "./django.ts";
import { findObject, type PythonObject } from "./objects.ts";

/** Workers of the declared queues, and the clock of Celery if there is a schedule; none if a Procfile has the workers. */
export function workers(tree: Tree, declared: Declared, django: Django | null): readonly ServiceIdea[] {
  const named = [...readProcfile(tree).keys()].filter((name) => name !== "web" && name !== "release");
  return named.length > 0 ? [] : [...celery(tree, declared, django), ...otherQueues(tree, declared, django)];
}

function celery(tree: Tree, declared: Declared, django: Django | null): readonly ServiceIdea[] {
  if (!declared.packages.has("celery")) return [];
  const app = findObject(tree, /^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:celery\.)?Celery\(/m);
  if (app === null) return [];
  const root = django === null ? app.root : django.directory;
  const named = `-A ${nameOf(app, django)}${root === "" ? "" : ` --workdir ${root}`}`;
  const worker = service("worker", commandOf(`celery ${named} worker --loglevel=info --concurrency=2`), false);
  return schedules(tree, declared) ? [worker, beat(named, declared)] : [worker];
}

/** Workers of the other usual queues, each by the command that its documentation names. */
function otherQueues(tree: Tree, { packages }: Declared, django: Django | null): readonly ServiceIdea[] {
  const manage = django === null ? null : `python ${join(django.directory, "manage.py")}`;
  const module = (pattern: RegExp) => findObject(tree, pattern);
  const actors = packages.has("dramatiq") ? module(/^@(dramatiq)\.actor\b/m) : null;
  const settings = packages.has("arq") ? module(/^class\s+(\w*WorkerSettings)\b/m) : null;
  const commands = [
    manage !== null && packages.has("django-rq") ? `${manage} rqworker default` : null,
    manage !== null && packages.has("django-dramatiq") ? `${manage} rundramatiq` : null,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's, not ours
    manage === null && packages.has("rq") ? "rq worker --url ${REDIS_URL:-redis://localhost:6379/0}" : null,
    manage === null && actors ? `dramatiq ${actors.module}${actors.root === "" ? "" : ` --path ${actors.root}`}` : null,
    settings?.root === "" ? `arq ${settings.module}.${settings.name}` : null,
  ];
  return commands
    .flatMap((command) => (command === null ? [] : [service("worker", commandOf(command), false)]))
    .slice(0, 1);
}

/** In memory, because the directory of the app may be read-only; the schedule itself is in the code. */
function beat(app: string, { packages }: Declared): ServiceIdea {
  const where = packages.has("django-celery-beat")
    ? "--scheduler django_celery_beat.schedulers:DatabaseScheduler"
    : "--schedule /tmp/celerybeat-schedule";
  return service("beat", commandOf(`celery ${app} beat --loglevel=info ${where}`), true);
}

function service(name: string, run: readonly string[], single: boolean): ServiceIdea {
  return { name, run, port: null, ready: null, release: null, single };
}

/** Celery itself finds `kairo.celery` by the name `kairo`; elsewhere the object is named in full. */
function nameOf({ module, name }: PythonObject, django: Django | null): string {
  const inside = django?.directory ? module.replace(`${django.directory.replaceAll("/", ".")}.`, "") : module;
  return inside.endsWith(".celery") && inside.split(".").length === 2 && django !== null
    ? inside.replace(/\.celery$/, "")
    : `${inside}.${name}`;
}

const scheduled = /\b(?:beat_schedule|CELERY_BEAT_SCHEDULE|CELERYBEAT_SCHEDULE|add_periodic_task)\b/;

function schedules(tree: Tree, { packages }: Declared): boolean {
  return (
    packages.has("django-celery-beat") ||
    tree
      .sources(/\.py$/)
      .slice(0, 500)
      .some((file) => scheduled.test(tree.text(file) ?? ""))
  );
}
