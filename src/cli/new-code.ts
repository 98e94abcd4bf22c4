import { Fault } from "../base/faults.ts";
import { textFlag, toggleFlag } from "./flags.ts";

/** Flags of commands that deploy code. */
export const codeFlags = {
  allow: textFlag(
    "--allow <rules>",
    "Errors of the readiness check to allow, like debug-on,no-probe; recorded with the release",
  ),
  because: textFlag("--because <reason>", "Reason for --allow"),
  message: textFlag("-m, --message <text>", "Message for the list of releases"),
  detach: toggleFlag("--detach", "Do not wait; print the deployment's id"),
} as const;

/** For commands that upload code. */
export const branchFlag = textFlag("--branch <name>", "Git branch of the source; default: the checked-out one");

/** The flags about a release, for a request. Fault: `usage.invalid`. */
export function describedBy(flags: {
  readonly allow: string | undefined;
  readonly because: string | undefined;
  readonly message: string | undefined;
}) {
  const allow = permitOf(flags);
  return { ...(flags.message !== undefined && { message: flags.message }), ...(allow && { allow }) };
}

/** `--allow a,b --because "…"`. Fault: `usage.invalid` if only one of them is set. */
function permitOf(flags: {
  readonly allow: string | undefined;
  readonly because: string | undefined;
}): { rules: string[]; because: string } | null {
  const rules = (flags.allow ?? "").split(",").filter((rule) => rule !== "");
  const because = flags.because?.trim() ?? "";
  if (rules.length === 0 && flags.because === undefined) return null;
  if (rules.length > 0 && because !== "") return { rules, because };
  throw new Fault("usage.invalid", 'use --allow and --because together, like --allow debug-on --because "…"');
}
