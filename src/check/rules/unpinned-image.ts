import { baseImageOf, dockerfilesOf, instructionsOf, stageName } from "../dockerfile.ts";
import type { Rule } from "../subject.ts";

/** Bases without a version (R040: pinned base). */
export const unpinnedImage: Rule = {
  id: "unpinned-image",
  title: "Base images name a version",
  why: "`latest` changes over time: a build can break, or produce different results, without a change.",
  fix: "name a version like node:24.1-slim, or better a digest",
  severity: () => "warning",
  look: (subject) =>
    dockerfilesOf(subject).flatMap((file) => {
      const stages = new Set<string>(["scratch"]);
      return instructionsOf(file).flatMap((instruction) => {
        const { word, line } = instruction;
        if (word !== "FROM") return [];
        const image = baseImageOf(instruction);
        const isStage = stages.has(image);
        stages.add(stageName(instruction) ?? "");
        const isPinned =
          /@sha256:|\$/.test(image) || (/:./.test(image.slice(image.lastIndexOf("/") + 1)) && !/:latest$/.test(image));
        return isStage || isPinned ? [] : [{ at: { file: file.path, line }, message: "names no version of its base" }];
      });
    }),
};
