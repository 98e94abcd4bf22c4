import type { CodeView } from "../../contract/deployments.ts";
import { commitWords } from "../../model/release.ts";

/**
 * The Git branch and commit of a release, as far as they are known, e.g. `main a1b2c3d-dirty`. From a controller that was
 * started before an upgrade nothing: its answers have no such member.
 */
export function codeText(code: Partial<CodeView> | null | undefined, digits?: number): string {
  return [code?.branch, commitWords(code?.commit ?? null, digits)].filter((word) => word).join(" ");
}
