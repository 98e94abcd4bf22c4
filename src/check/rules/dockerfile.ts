import type { Rule, SourceFile, Subject } from "../subject.ts";

interface Instruction {
  readonly word: string;
  readonly rest: string;
  readonly line: number;
}

function dockerfilesOf({ files }: Subject): readonly SourceFile[] {
  return files.filter(({ path }) => /(?:^|\/)(?:Dockerfile|Containerfile)(?:\.[\w-]+)?$|\.dockerfile$/i.test(path));
}

function instructionsOf({ text }: SourceFile): readonly Instruction[] {
  return text.split("\n").flatMap((line, place) => {
    const [, word, rest] = /^\s*([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
    return word && rest !== undefined ? [{ word: word.toUpperCase(), rest: rest.trim(), line: place + 1 }] : [];
  });
}

/** Bases without a version (R040: pinned base). */
export const unpinnedImage: Rule = {
  id: "unpinned-image",
  title: "Base images name a version",
  why: "`latest` is another image tomorrow: a build that worked breaks without a change, or changes what runs.",
  fix: "name a version like node:24.1-slim, or better a digest",
  severity: () => "warning",
  look: (subject) =>
    dockerfilesOf(subject).flatMap((file) => {
      const stages = new Set<string>(["scratch"]);
      return instructionsOf(file).flatMap(({ word, rest, line }) => {
        if (word !== "FROM") return [];
        const [image = "", , stage] = rest.replace(/^--\S+\s+/, "").split(/\s+/);
        const isStage = stages.has(image.toLowerCase());
        if (stage) stages.add(stage.toLowerCase());
        const isPinned = /@sha256:|\$/.test(image) || (/:[^/]+$/.test(image) && !/:latest$/.test(image));
        return isStage || isPinned ? [] : [{ at: { file: file.path, line }, message: "names no version of its base" }];
      });
    }),
};

/** Images that run as root (R040: non-root). Fairlead runs them as user 1000 all the same; others do not. */
export const rootUser: Rule = {
  id: "root-user",
  title: "Images do not run as root",
  why: "A hole in the app is then a hole in the machine. Fairlead gives such images user 1000, other platforms do not.",
  fix: "end the Dockerfile with a USER that is not root, and give it the files that it writes",
  severity: () => "warning",
  look: (subject) =>
    dockerfilesOf(subject).flatMap((file) => {
      const instructions = instructionsOf(file);
      const last = instructions.findLastIndex(({ word }) => word === "FROM");
      const user = instructions.slice(last).findLast(({ word }) => word === "USER");
      if (user && !/^(?:root|0)(?::|$)/.test(user.rest)) return [];
      const line = user?.line ?? instructions.at(last)?.line ?? 1;
      return [{ at: { file: file.path, line }, message: user ? "runs as root" : "names no USER, so it runs as root" }];
    }),
};
