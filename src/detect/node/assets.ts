import type { DockerfileLine } from "../dockerfile.ts";
import type { MachineNeed } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import { managerOf } from "./manager.ts";
import { type NodePackage, readPackage } from "./package.ts";
import { chooseNode } from "./version.ts";

/** How another language's app has its scripts and styles built by Node: in the build stage, gone from the last one. */
export interface Assets {
  /** Node and the package manager, for a stage that has neither. */
  readonly tools: readonly DockerfileLine[];
  readonly declares: readonly string[];
  readonly install: string;
  readonly compile: string;
  /** Removes what only the build needs. */
  readonly remove: string;
  readonly needs: readonly MachineNeed[];
  readonly warnings: readonly string[];
}

/**
 * What the script `build` of a package.json beside the app makes; null: there is none. With `called`, the app's own
 * tools call the package manager, whatever scripts there are.
 */
export function assetsOf(tree: Tree, called = false): Assets | null {
  const root = readPackage(tree, "");
  if (root === null || !(called || root.scripts.has("build"))) return null;
  const manager = managerOf(tree, root);
  const runtime = runtimeOf(tree, root);
  const given = manager.variables.map((one) => `${one} `).join("");
  const npm: MachineNeed = { program: "npm", why: "package.json", install: "apt-get install npm" };
  return {
    tools: [...runtime.tools, ...manager.setup],
    declares: ["package.json", ...manager.files],
    install: `${given}${manager.installAll}`,
    compile: `${given}${manager.name} run build`,
    remove: "rm -rf node_modules",
    needs: [
      ...runtime.needs,
      ...(manager.name === "npm" ? [npm] : manager.needs.map((need) => ({ ...need, why: "package.json" }))),
    ],
    warnings: [...manager.warnings, ...runtime.warnings],
  };
}

/** Node alone, for tools that only need a runtime of JavaScript. */
export function runtimeOf(tree: Tree, root: NodePackage | null = null): Assets {
  const node = chooseNode(tree, root === null ? [] : [root]);
  const install = `with a container engine, \`fairlead up --runtime docker\` builds on Node ${node.tag}`;
  const version = node.range === null ? null : { range: node.range, printedBy: ["node", "--version"] };
  return {
    tools: [`COPY --from=node:${node.tag}-slim /usr/local /usr/local`],
    declares: [],
    install: "",
    compile: "",
    remove: "",
    needs: version === null ? [] : [{ program: "node", version, why: "package.json", install }],
    warnings: node.warnings,
  };
}
