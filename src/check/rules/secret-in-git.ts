import { secretsIn } from "../secrets.ts";
import type { Rule } from "../subject.ts";

/** What is no part of a source and still in its repository: the state of `fairlead up`, and files of variables. */
export const secretInGit: Rule = {
  id: "secret-in-git",
  title: "The repository contains no secret",
  why: "Everyone who has a clone of the repository has the secret, also after it was removed. The directory .fairlead has the keys of all values that were set with `fairlead up`.",
  fix: "run `git rm -r --cached PATH`, ignore it, and replace what it holds at its provider",
  severity: () => "warning",
  look: ({ leftOut }) =>
    leftOut.flatMap(({ path, text, isTracked }) => {
      if (!isTracked) return [];
      const at = { file: path, line: 1 };
      if (/(?:^|\/)\.fairlead\/$/.test(path))
        return [{ at, message: "is tracked by Git, with the keys and the values of the controller here" }];
      const found = text === null ? undefined : secretsIn({ path, text }).find(({ isLive }) => isLive);
      return found ? [{ at, message: `is tracked by Git and holds ${found.what}` }] : [];
    }),
};
