import type { Rule } from "../subject.ts";

/** Where common tools keep database migrations, from their own documentation. */
const kept: readonly (readonly [string, RegExp])[] = [
  ["Django", /(?:^|\/)migrations\/0001_\w+\.py$/],
  ["Alembic", /(?:^|\/)alembic\.ini$/],
  ["Prisma", /(?:^|\/)prisma\/migrations\/[^/]+\/migration\.sql$/],
  ["Knex", /(?:^|\/)knexfile\.[cm]?[jt]s$/],
  ["Drizzle", /(?:^|\/)drizzle\.config\.[cm]?[jt]s$/],
  ["Rails", /(?:^|\/)db\/migrate\/\d+_\w+\.rb$/],
];

/** R130: migrations are applied before a release goes live. */
export const migrationsNotRun: Rule = {
  id: "migrations-not-run",
  title: "The deployment runs migrations",
  why: "Code that expects a missing table or column fails at its first request, and somebody must remember to add it.",
  fix: "add `release:` with the command that applies them to the service that owns the database",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: ({ spec, files }) => {
    const isRun = spec.services.some(
      ({ release, command }) => release || /\bmigrat|upgrade head/.test(command?.join(" ") ?? ""),
    );
    const found = isRun ? [] : kept.filter(([, pattern]) => files.some(({ path }) => pattern.test(path)));
    return found.map(([tool]) => ({
      at: { path: "services" },
      message: `have ${tool} migrations that nothing runs`,
    }));
  },
};
