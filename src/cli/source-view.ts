import { readFileSync } from "node:fs";
import path from "node:path";
import { decodeText } from "../base/text.ts";
import type { SourceView } from "../detect/recipe.ts";
import { leftOutLines } from "./ignored.ts";
import { filesBelow } from "./source.ts";
import type { World } from "./world.ts";

/** Larger files are no text that says how an app is run. */
const mostBytes = 1_048_576;

/** The source of a directory for detection, and lines on what is left out of it. Faults as `filesBelow`. */
export function sourceView(directory: string): { readonly source: SourceView; readonly notes: readonly string[] } {
  const read = (file: string) => {
    const bytes = readFileSync(path.join(directory, file));
    return bytes.length > mostBytes ? null : decodeText(bytes);
  };
  const { paths, leftOut } = filesBelow(directory);
  return { source: { paths, read }, notes: leftOutLines(leftOut) };
}

/** What this machine lacks to run the source of a directory as plain processes. */
export async function lackingFor(directory: string, { host }: World): Promise<readonly string[]> {
  const { detect } = await import("../detect/detect.ts");
  const found = detect(sourceView(directory).source, { base: {} });
  return "needs" in found ? host.lacking(found.needs) : [];
}
