import { toolWishes } from "../toolfile.ts";
import type { Tree } from "../tree.ts";
import { type ChosenVersion, chooseVersion, npmRange, type RangeWish, type VersionLine } from "../version-line.ts";

/** The two newest get fixes (go.dev/doc/devel/release). */
const go: VersionLine = {
  name: "Go",
  offered: ["1.26", "1.25", "1.24", "1.23", "1.22", "1.21", "1.20", "1.19", "1.18"],
  maintained: ["1.26", "1.25"],
};

/**
 * The version of Go. `go 1.22` of go.mod is the oldest that will do: a newer one builds the module in the same way
 * (go.dev/ref/mod, "go directive"). `toolchain`, and files of version managers, name the one to use.
 */
export function chooseGo(tree: Tree): ChosenVersion {
  const mod = tree.text("go.mod") ?? "";
  const pinned = [
    { text: tree.text(".go-version")?.trim() ?? "", where: ".go-version" },
    ...toolWishes(tree, ["go", "golang"]),
  ];
  const toolchain = /^toolchain[ \t]+go(\d+\.\d+(?:\.\d+)?)/m.exec(mod)?.[1];
  const oldest = /^go[ \t]+(\d+\.\d+(?:\.\d+)?)/m.exec(mod)?.[1];
  return chooseVersion(go, [
    ...pinned
      .filter(({ text }) => text !== "")
      .map((wish) => ({ ...wish, range: npmRange(wish.text.replace(/^(?:go|v)/, "")) })),
    ...atLeast(toolchain, "toolchain of go.mod"),
    ...atLeast(oldest, "go.mod"),
  ]);
}

function atLeast(version: string | undefined, where: string): readonly RangeWish[] {
  return version === undefined ? [] : [{ text: version, where, range: `>=${version}` }];
}
