import { canonicalJson } from "../../../base/digest.ts";
import { type Database, select } from "./database.ts";

/** Sets members of one of the JSON objects of an environment (null takes one out) and raises its revision. */
export function mergeMembers(
  database: Database,
  environment: string,
  { column, set }: { readonly column: "scale" | "variables"; readonly set: Readonly<Record<string, unknown>> },
): void {
  const row = database.first(select({ [column]: "text" }, "FROM environment WHERE key = ?"), environment);
  const members = new Map<string, unknown>(Object.entries(JSON.parse(row?.[column] ?? "{}")));
  for (const [name, value] of Object.entries(set)) {
    if (value === null) members.delete(name);
    else members.set(name, value);
  }
  const record = canonicalJson(Object.fromEntries(members));
  database.run(`UPDATE environment SET ${column} = ?, revision = revision + 1 WHERE key = ?`, record, environment);
}
