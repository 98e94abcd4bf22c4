import semver from "semver";
import { toolWishes } from "../toolfile.ts";
import type { Tree } from "../tree.ts";
import { type ChosenVersion, chooseVersion, npmRange, type RangeWish, type VersionLine } from "../version-line.ts";
import { goFile } from "./modules.ts";

/** The two newest get fixes (go.dev/doc/devel/release). */
const go: VersionLine = {
  name: "Go",
  offered: ["1.26", "1.25", "1.24", "1.23", "1.22", "1.21", "1.20", "1.19", "1.18"],
  maintained: ["1.26", "1.25"],
};

/**
 * The version of Go. `go 1.22` of go.mod or go.work is the oldest that will do: a newer one builds the module in the
 * same way (go.dev/ref/mod, "go directive"), and so is `toolchain`. Files of version managers name the one to use.
 */
export function chooseGo(tree: Tree, files: readonly string[]): ChosenVersion {
  const pinned = [
    { text: tree.text(".go-version")?.trim() ?? "", where: ".go-version" },
    ...toolWishes(tree, ["go", "golang"]),
  ];
  const oldest = files.flatMap((where) => [
    ...atLeast(/^toolchain[ \t]+go(\S+)/m.exec(goFile(tree, where))?.[1], `toolchain of ${where}`),
    ...atLeast(/^go[ \t]+(\S+)/m.exec(goFile(tree, where))?.[1], where),
  ]);
  return chooseVersion(go, [
    ...pinned
      .filter(({ text }) => text !== "")
      .map((wish) => ({ ...wish, range: npmRange(wish.text.replace(/^(?:go|v)/, "")) })),
    // The newest first: it is what a machine must have.
    ...oldest.sort((a, b) => semver.rcompare(semver.coerce(a.text) ?? "0.0.0", semver.coerce(b.text) ?? "0.0.0")),
  ]);
}

/** `1.22`, `1.22.3`, `1.21rc2`: the beginning is the version. */
function atLeast(text: string | undefined, where: string): readonly RangeWish[] {
  const version = /^\d{1,3}\.\d{1,3}(?:\.\d{1,3})?/.exec(text ?? "")?.[0];
  return version === undefined ? [] : [{ text: version, where, range: `>=${version}` }];
}
