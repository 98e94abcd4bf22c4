import { namePattern } from "../model/environment.ts";
import { command } from "./command.ts";
import { many, question } from "./http.ts";
import { duration, type Kind } from "./kinds.ts";
import { defaulted, mapOf, optional, required, section } from "./section.ts";

const within = (fallback: string) =>
  defaulted(duration("1s", "1h"), fallback, "Longest time; then it has failed, and its command is killed.");

const before = section({
  short: "run",
  fields: {
    run: required(command, "Has to end with 0, as a task in the new release."),
    within: within("5m"),
  },
});

const after = section({
  short: "run",
  fields: {
    run: optional(command, "Has to end with 0, as a task in the new release."),
    http: optional(
      section({ short: "path", fields: question }),
      "Instead of `run`: what every new instance has to answer well once.",
    ),
    within: within("30s"),
  },
  check({ run, http }, { node, complaints }) {
    if ((run === null) === (http === null)) complaints.add(node, "is a command or a question – write run or http");
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
      "By name, before the release command: one after the other, as they are written. One that fails fails the deployment; nothing is touched.",
    ),
    after: optional(
      named(after),
      "By name, side by side, as soon as the new release has all traffic. One that fails takes the release back. `http.ready` is asked once more as `health`, unless a check of that name is written.",
    ),
  },
});
