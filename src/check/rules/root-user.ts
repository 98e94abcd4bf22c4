import { dockerfilesOf, instructionsOf, stageOf } from "../dockerfile.ts";
import type { Rule } from "../subject.ts";

/** Images that run as root (R040: non-root). Fairlead runs them as user 1000; other platforms do not. */
export const rootUser: Rule = {
  id: "root-user",
  title: "Images do not run as root",
  why: "A vulnerability in the app then affects the machine. Fairlead runs such images as user 1000; other platforms do not.",
  fix: "end the Dockerfile with a USER other than root, and give it the files that it writes",
  severity: () => "warning",
  look: (subject) =>
    dockerfilesOf(subject).flatMap((file) => {
      const stage = stageOf(instructionsOf(file), null);
      const user = stage.findLast(({ word }) => word === "USER");
      if (user && !/^(?:root|0)(?::|$)/.test(user.rest)) return [];
      const line = user?.line ?? stage.findLast(({ word }) => word === "FROM")?.line ?? 1;
      const message = `${user ? "has root as its USER" : "names no USER"}: only Fairlead does not run it as root`;
      return [{ at: { file: file.path, line }, message }];
    }),
};
