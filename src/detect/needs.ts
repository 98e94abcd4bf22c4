import semver from "semver";
import type { MachineNeed } from "./recipe.ts";

/**
 * What a machine lacks for plain processes, in words with the command that installs it; null: nothing. `printed` is
 * what the program says of its version, empty when it says nothing or that does not matter; null: the machine has no
 * such program.
 */
export function lackOf(
  { program, or = [], version, why, install }: MachineNeed,
  printed: string | null,
): string | null {
  if (printed === null)
    return `this machine has no ${[program, ...or].join(" or ")}, which ${why} asks for: ${install}`;
  if (version && printed === "")
    return `${program} of this machine fails at "${version.printedBy.join(" ")}", and ${why} asks for it: ${install}`;
  const found = version && /\d+(?:\.\d+){0,2}/.exec(printed)?.[0];
  const known = found ? semver.coerce(found) : null;
  if (!version || known === null || semver.satisfies(known, version.range)) return null;
  return `this machine has ${program} ${found}, and ${why} asks for ${version.range}: ${install}`;
}
