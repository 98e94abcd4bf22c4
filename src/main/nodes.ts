import { existsSync } from "node:fs";
import { join } from "node:path";
import { viewOf } from "../adapters/build/source/view.ts";
import type { ProgramsFor } from "../adapters/runtime/process/rooms.ts";
import { detect } from "../detect/detect.ts";
import { lackOf } from "../detect/needs.ts";
import { nodeNeedOf } from "../detect/node/need.ts";
import { isRecipe, type MachineNeed } from "../detect/recipe.ts";
import { type InstalledNode, installedNodes, type NodePlaces } from "../host/node-versions.ts";
import { firstClosed } from "./user.ts";

type Places = Omit<NodePlaces, "isOpen">;

/** The Node of this machine that an app gets, which asks for one; otherwise what the machine lacks, in words. */
export function nodeFor(need: MachineNeed, places: Places): InstalledNode | { readonly lacks: string } {
  const nodes = installedNodes({ ...places, isOpen });
  const found = nodes.find(({ version }) => lackOf(need, version) === null);
  return found ?? { lacks: lackOf(need, nodes[0]?.version ?? null) ?? "" };
}

/** Whether users of apps reach a file or directory, if it is there: what root has in its home is not for them. */
export function isOpen(path: string): boolean {
  return process.getuid?.() !== 0 || !existsSync(path) || firstClosed(path) === null;
}

/**
 * The PATH of what runs in a directory. Where its source asks for a Node, the first that will do precedes all others;
 * otherwise Fairlead's own does.
 */
export async function programsIn(directory: string, places: Places): ReturnType<ProgramsFor> {
  const { path, own } = places;
  const need = await needOf(directory);
  if (need === null) return { path: `${own}:${path}` };
  const node = nodeFor(need, places);
  if ("lacks" in node) return node;
  const first = path.split(":").find((each) => existsSync(join(each, "node")));
  return { path: first === node.directory ? path : `${node.directory}:${path}` };
}

/** By directory: those of sources and artifacts never change, and those of builds have names of their own. */
const known = new Map<string, MachineNeed | null>();
const knownMost = 500;

async function needOf(directory: string): Promise<MachineNeed | null> {
  if (!existsSync(directory)) return null;
  let need = known.get(directory);
  if (need === undefined) {
    const view = await viewOf(directory, packageDirectories);
    const found = detect(view, { base: {} });
    const own = ({ program, version }: MachineNeed) => program === "node" && version !== undefined;
    need = isRecipe(found) ? (found.needs.find(own) ?? null) : nodeNeedOf(view);
    if (known.size >= knownMost) known.clear();
    known.set(directory, need);
  }
  return need;
}

/** Installed packages say nothing of what the source asks for. */
const packageDirectories: ReadonlySet<string> = new Set(["node_modules", ".venv", "vendor", ".git"]);
