import { accessSync, constants } from "node:fs";
import { dirname, resolve } from "node:path";
import { isErrno } from "../base/faults.ts";
import { lackOf } from "../detect/needs.ts";
import type { MachineNeed } from "../detect/recipe.ts";
import { childOutput } from "../host/child.ts";
import { firstClosed } from "./user.ts";

/** What this machine lacks for plain processes, looked up where they look: Fairlead's own Node comes first. */
export function lackingHere(needs: readonly MachineNeed[], path: string): readonly string[] {
  const searched = `${dirname(process.execPath)}:${path}`;
  return needs.flatMap((need) => {
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

/** What root has in a closed directory, like a toolchain in its home, is not there for the users of apps. */
function isOpen(file: string): boolean {
  return process.getuid?.() !== 0 || firstClosed(file) === null;
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
