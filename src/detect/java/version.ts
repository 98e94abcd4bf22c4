import { toolWishes } from "../toolfile.ts";
import type { Tree } from "../tree.ts";
import { type ChosenVersion, chooseVersion, npmRange, type RangeWish, type VersionLine } from "../version-line.ts";

/** Long-term releases first (oracle.com, "Java SE Support Roadmap"); the others get fixes for half a year. */
const jdk: VersionLine = {
  name: "Java",
  offered: ["21", "25", "17", "11", "8", "24", "23", "22", "20", "19", "18", "16"],
  maintained: ["25", "21", "17"],
};

/**
 * The version of Java: the one that a version manager's file or the build file names, so that the image runs what was
 * compiled and tested. `range` says what a machine may have: a newer one too, unless a toolchain asks for exactly one.
 */
export function chooseJava(tree: Tree, text: string): ChosenVersion {
  const line = (file: string, pattern: RegExp) => pattern.exec(tree.text(file) ?? "")?.[1]?.trim() ?? "";
  const pinned = [
    { text: line(".java-version", /^\s*(\S+)/), where: ".java-version" },
    { text: line(".sdkmanrc", /^\s*java\s*=\s*(\S+)/m), where: ".sdkmanrc" },
    { text: line("system.properties", /^\s*java\.runtime\.version\s*=\s*(\S+)/m), where: "system.properties" },
    ...toolWishes(tree, ["java"]),
  ].filter((wish) => wish.text !== "");
  const toolchain = /JavaLanguageVersion\.of\((\d{1,2})\)|\bjvmToolchain\((\d{1,2})\)|\bjdkVersion\s*=\s*(\d{1,2})/
    .exec(text)
    ?.slice(1)
    .find(Boolean);
  const compiled = compiledFor(text);
  const exact: RangeWish[] = [
    ...pinned,
    ...(toolchain ? [{ text: toolchain, where: "the toolchain of the build file" }] : []),
  ].map((wish) => ({ ...wish, range: major(wish.text) }));
  const oldest =
    compiled === undefined
      ? []
      : [{ text: compiled, where: "the build file", range: exact.length > 0 ? `>=${compiled}` : major(compiled) }];
  const chosen = chooseVersion(jdk, [...exact, ...oldest]);
  const isOldest = chosen.why === "requested by the build file";
  return isOldest ? { ...chosen, range: `>=${chosen.tag.split(".")[0]}` } : chosen;
}

/** What the build compiles for, in the forms of Maven and Gradle. */
function compiledFor(text: string): string | undefined {
  return (
    /<(?:java\.version|maven\.compiler\.(?:release|source|target)|release|jdk\.version|release\.version)>\s*(?:1\.)?(\d{1,2})\s*</.exec(
      text,
    )?.[1] ??
    /(?:source|target)Compatibility\s*=?\s*(?:JavaVersion\.(?:VERSION_|toVersion\(\s*)?)?['"]?(?:1[._])?(\d{1,2})|\boptions\.release(?:\.set\(|\s*=)\s*(\d{1,2})/
      .exec(text)
      ?.slice(1)
      .find((one) => one !== undefined)
  );
}

/** `21`, `1.8`, `temurin-21.0.2+13`, `21.0.2-tem`: the first number. */
function major(text: string): string | null {
  const found = /(?:^|[^\d.])(?:1\.)?(\d{1,2})\b/.exec(text)?.[1];
  return found === undefined ? null : npmRange(found);
}
