import type { Rule } from "../subject.ts";

/** R130: a rollback does not undo the changes of a release command. */
export const oneWayRelease: Rule = {
  id: "one-way-release",
  title: "Releases that change a database can be rolled back",
  why: "A rollback restores code and values, not the schema: the previous code must work with the new schema.",
  fix: "make migrations additive (expand, then contract in a later release), and say so to your team",
  severity: () => "note",
  look: ({ spec }) =>
    spec.services
      .filter(({ release }) => /migrate|upgrade|db push/.test(release?.join(" ") ?? ""))
      .map(({ name }) => ({ at: { path: `services.${name}.release` }, message: "changes the database one way" })),
};
