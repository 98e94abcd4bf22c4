import { accessSync, constants } from "node:fs";
import { dirname, resolve } from "node:path";
import { isErrno } from "../base/faults.ts";
import { lackOf } from "../detect/needs.ts";
import type { MachineNeed } from "../detect/recipe.ts";
import { childOutput } from "../host/child.ts";
import { isOpen, nodeFor } from "./nodes.ts";

/** What this machine lacks for plain processes, looked up where they look. */
export function lackingHere(needs: readonly MachineNeed[], path: string, home?: string): readonly string[] {
  const own = dirname(process.execPath);
  const searched = `${own}:${path}`;
  return needs.flatMap((need) => {
    if (need.program === "node") {
      const node = nodeFor(need, { path, home, own });
      return "lacks" in node ? node.lacks : [];
    }
    const lacks = alternatives(need).map((one) => lackOf(one, printedBy(one, searched)));
    return lacks.includes(null) ? [] : (lacks[0] ?? []);
  });
}

/** The need for each of the programs that will do. */
function alternatives(need: MachineNeed): readonly MachineNeed[] {
  const { version } = need;
  const others = need.or?.map((program) =>
    version
      ? { ...need, program, version: { ...version, printedBy: [program, ...version.printedBy.slice(1)] } }
      : { ...need, program },
  );
  return [need, ...(others ?? [])];
}

/** Not in the source: some programs there would run what it names in place of themselves. */
function printedBy({ program, version }: MachineNeed, path: string): string | null {
  const [own = "", ...others] = path.split(":").map((directory) => resolve(directory, program));
  if (!isExecutable(own) && !others.some((file) => isExecutable(file) && isOpen(file))) return null;
  const [first, ...rest] = version?.printedBy ?? [];
  if (first === undefined) return "";
  return (
    childOutput([first, ...rest], { cwd: "/", env: { PATH: path, HOME: "/" }, limit: 65_536, withinMs: 10_000 }) ?? ""
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES", "ENOTDIR")) return false;
    throw error;
  }
}
