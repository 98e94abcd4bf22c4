import type { ServiceTemplate } from "../../model/app.ts";
import type { Rule, RuleFinding, Subject } from "../subject.ts";

/** Python servers that start the configured number of processes, one by default. */
const servers = /(?:^|[\s/])(?:gunicorn|uvicorn|hypercorn)\s/;
/** Read by those servers, or by start scripts around them. */
const variables = ["WEB_CONCURRENCY", "WORKERS"];

/** R077: 4 workers, or 2 × cores + 1; one cannot serve concurrent streams. */
export const workerCount: Rule = {
  id: "worker-count",
  title: "Web services have about one worker per core",
  why: "With one worker, a slow request or stream blocks all others. Far more workers than cores only share them, and each needs its own memory.",
  fix: "set --workers 4, or 2 × cores + 1; or raise replicas",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: (subject) => subject.spec.services.flatMap((service) => judge(subject, service)),
};

function judge(subject: Subject, service: ServiceTemplate): readonly RuleFinding[] {
  const line = service.command?.join(" ") ?? "";
  // A configuration file or threads cannot be seen here; a server that reloads has another rule.
  if (!service.http || !servers.test(line) || /\s(?:-c|--config|--threads|--reload)\b/.test(line)) return [];
  const at = { path: `services.${service.name}.run` };
  const workers = workersOf(subject, service.name, line);
  if (workers === 1 && service.replicas === 1) return [{ at, message: "runs a single worker in a single instance" }];
  const most = service.cpus === null ? null : 2 * Math.ceil(service.cpus) + 1;
  if (most === null || workers <= most) return [];
  return [{ at, message: `runs ${workers} workers on ${service.cpus} cores, where ${most} are enough` }];
}

function workersOf({ values }: Subject, service: string, line: string): number {
  const given = /\s(?:-w\s?|--workers[\s=])(\d{1,4})\b/.exec(line)?.[1];
  const set = values.find((one) => one.service === service && variables.includes(one.name))?.text.reveal();
  return Number(given ?? (/^\d{1,4}$/.test(set ?? "") ? set : 1));
}
