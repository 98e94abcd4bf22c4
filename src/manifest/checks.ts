import { namePattern } from "../model/environment.ts";
import { command } from "./command.ts";
import { many, question } from "./http.ts";
import { duration, type Kind } from "./kinds.ts";
import { defaulted, mapOf, optional, required, section } from "./section.ts";

const within = (fallback: string) =>
  defaulted(duration("1s", "1h"), fallback, "Time limit; after it the check fails, and its command is killed.");

const before = section({
  short: "run",
  fields: {
    run: required(command, "Must exit with 0; runs as a task in the new release."),
    within: within("5m"),
  },
});

const after = section({
  short: "run",
  fields: {
    run: optional(command, "Must exit with 0; runs as a task in the new release."),
    http: optional(
      section({ short: "path", fields: question }),
      "Instead of `run`: an HTTP request that every new instance must answer well once.",
    ),
    within: within("30s"),
  },
  check({ run, http }, { node, diagnostics }) {
    if ((run === null) === (http === null))
      diagnostics.add(node, "is a command or an HTTP request – write run or http");
  },
});

const named = <T>(each: Kind<T>) =>
  mapOf({
    each,
    key: namePattern,
    wanted: "the name of a check – write small letters, digits and dashes, at most 40",
    max: many,
  });

/** `services.<name>.checks`. */
export const checks = section({
  fields: {
    before: optional(
      named(before),
      "By name, run before the release command, in the order written. A failed check fails the deployment before it changes anything.",
    ),
    after: optional(
      named(after),
      "By name, run in parallel when the new release has all traffic. A failed check rolls the release back. `http.ready` is probed once more as `health`, unless a check of that name is written.",
    ),
  },
});
