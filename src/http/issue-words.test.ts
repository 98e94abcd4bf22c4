import { expect, test } from "vitest";
import { z } from "zod";
import { issueWords } from "./issue-words.ts";

const schema = z.strictObject({
  text: z.string().max(3),
  number: z.coerce.number().min(1),
  whole: z.int(),
  flag: z.boolean(),
  list: z.array(z.string()).min(1),
  word: z.enum(["x", "y"]),
  time: z.iso.datetime(),
  name: z.string().regex(/^a/, "must begin with a"),
  missing: z.string(),
  names: z.record(z.string().regex(/^A/, "must begin with A"), z.string()),
  either: z.union([z.string(), z.number()]),
  kind: z.discriminatedUnion("is", [z.object({ is: z.literal("a") })]),
});

test("what does not follow the contract is said in words of this house", () => {
  const given = {
    text: "long text",
    number: 0,
    whole: 1.5,
    flag: "yes",
    list: [],
    word: "z",
    time: "soon",
    name: "b",
    names: { b: "" },
    either: true,
    kind: { is: "b" },
    more: 1,
  };
  const { issues = [] } = schema.safeParse(given, { error: issueWords }).error ?? {};
  expect(issues.map(({ path, message }) => `${path.join(".")}: ${message}`)).toEqual([
    "text: must have at most 3 characters",
    "number: must be at least 1",
    "whole: must be a whole number",
    "flag: must be true or false",
    "list: must have at least 1 entries",
    "word: must be one of x, y",
    "time: must be a time like 2026-01-31T12:00:00Z",
    "name: must begin with a",
    "missing: is missing",
    "names.b: must begin with A",
    "either: does not have a form that is allowed here",
    "kind.is: is missing, or none of those that are known",
    ': has an unknown member: "more"',
  ]);
});
