import type { MachineNeed, SourceView } from "../recipe.ts";
import { Tree } from "../tree.ts";
import type { ChosenVersion } from "../version-line.ts";
import { readPackage } from "./package.ts";
import { chooseNode } from "./version.ts";

/** The Node that plain processes need; null: the app asks for none, and gets Fairlead's own. */
export function nodeNeed({ range, tag, why }: ChosenVersion): MachineNeed | null {
  if (range === null) return null;
  const version = { range, printedBy: ["node", "--version"] };
  const install = `with a container engine, \`fairlead up --runtime docker\` runs on Node ${tag}`;
  return { program: "node", version, why: why.replace("requested by ", ""), install };
}

/** The same of package files alone, before the rest of a source is beside them. */
export function nodeNeedOf(source: SourceView): MachineNeed | null {
  const tree = new Tree(source);
  const root = readPackage(tree, "");
  return root === null ? null : nodeNeed(chooseNode(tree, [root]));
}
