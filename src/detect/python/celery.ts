import { commandOf, readProcfile } from "../procfile.ts";
import type { ServiceIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import { findObject, type PythonObject } from "./app.ts";
import type { Declared } from "./declared.ts";
import type { Django } from "./django.ts";

/** Other services of the same image: those of a Procfile, otherwise a Celery worker, and its clock with a schedule. */
export function workers(tree: Tree, declared: Declared, django: Django | null): readonly ServiceIdea[] {
  const procfile = [...readProcfile(tree)].filter(([name]) => name !== "web" && name !== "release");
  if (procfile.length > 0) {
    return procfile.slice(0, 20).map(([name, run]) =>
      service(
        name,
        run,
        run.some((word) => /\bbeat\b|clock|scheduler/.test(word)),
      ),
    );
  }
  if (!declared.packages.has("celery")) return [];
  const app = findObject(tree, /^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:celery\.)?Celery\(/m);
  if (app === null) return [];
  const named = nameOf(app, django);
  const worker = service("worker", commandOf(`celery -A ${named} worker --loglevel=info --concurrency=2`), false);
  return schedules(tree, declared) ? [worker, beat(named, declared)] : [worker];
}

/** In memory, because the directory of the app may be read-only; the schedule itself is in the code. */
function beat(app: string, { packages }: Declared): ServiceIdea {
  const where = packages.has("django-celery-beat")
    ? "--scheduler django_celery_beat.schedulers:DatabaseScheduler"
    : "--schedule /tmp/celerybeat-schedule";
  return service("beat", commandOf(`celery -A ${app} beat --loglevel=info ${where}`), true);
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
