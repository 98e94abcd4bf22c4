import { dockerfilesOf } from "../dockerfile.ts";
import type { Rule, RuleFinding } from "../subject.ts";

/** Programs that a Python app installs itself, so they must be among its dependencies. */
const program = /^(?:\S*\/)?(gunicorn|uvicorn|hypercorn|daphne|celery|alembic|flask)$/;
const lists = /(?:^|\/)(?:requirements[^/]*\.txt|pyproject\.toml|Pipfile|setup\.(?:py|cfg))$/;

/** Kairo's second code change (R139): the programs that run are among the dependencies. */
export const missingDependency: Rule = {
  id: "missing-dependency",
  title: "The program that a command runs is installed",
  why: "It is installed on the author's machine but not in the release, so the release fails at its start.",
  fix: "add it to the dependencies of the app",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: ({ spec, files }) => {
    if (!files.some(({ path }) => lists.test(path))) return [];
    const installed = [...files.filter(({ path }) => lists.test(path)), ...dockerfilesOf({ files })];
    return spec.services.flatMap(({ name, command, release }): RuleFinding[] =>
      [
        ["run", command],
        ["release", release],
      ].flatMap(([key, line]) => {
        const needed = program.exec(line?.[0] ?? "")?.[1];
        const isThere = needed === undefined || installed.some(({ text }) => brings(text, needed));
        return isThere
          ? []
          : [{ at: { path: `services.${name}.${key}` }, message: `needs ${needed}, which is not a dependency` }];
      }),
    );
  },
};

/** FastAPI's own extras bring its server. */
function brings(text: string, needed: string): boolean {
  return text.toLowerCase().includes(needed) || (needed === "uvicorn" && /fastapi\[(?:standard|all)/i.test(text));
}
