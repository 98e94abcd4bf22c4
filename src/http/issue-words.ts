import type { z } from "zod";

type Issue = z.core.$ZodRawIssue;

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

/** Words for what does not follow the contract: what to write instead. The value is not repeated: it may be a secret. */
export function issueWords(issue: Issue): string {
  if (issue.code === "invalid_type")
    return issue.input === undefined ? "is missing" : `must be ${kinds[issue.expected] ?? issue.expected}`;
  if (issue.code === "too_big") return `must ${amount(issue.origin, `at most ${issue.maximum}`)}`;
  if (issue.code === "too_small") return `must ${amount(issue.origin, `at least ${issue.minimum}`)}`;
  if (issue.code === "unrecognized_keys") return `has an unknown member: ${issue.keys.map(named).join(", ")}`;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.map(String).join(", ")}`;
  if (issue.code === "invalid_union" && "discriminator" in issue) return "is missing, or none of those that are known";
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? "has a key that is not allowed";
  if (issue.code === "invalid_format" && issue.format === "datetime") return "must be a time like 2026-01-31T12:00:00Z";
  return "does not have a form that is allowed here";
}

function amount(origin: string, limit: string): string {
  if (origin === "string") return `have ${limit} characters`;
  return origin === "array" || origin === "set" ? `have ${limit} entries` : `be ${limit}`;
}

function named(key: string): string {
  return JSON.stringify(key.slice(0, 60));
}
