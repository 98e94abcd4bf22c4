import type { ReleaseView } from "../../contract/releases.ts";
import { commitWords } from "../../model/release.ts";

/** The Git branch and commit of a release, as far as they are known, e.g. `main a1b2c3d-dirty`. */
export function codeText({ branch, commit }: Pick<ReleaseView, "branch" | "commit">): string {
  // Nothing from a controller that was started before an upgrade: its releases have no such member.
  return [branch, commitWords(commit ?? null)].filter((word) => word !== null).join(" ");
}
