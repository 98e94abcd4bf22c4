import { readFileSync } from "node:fs";

/**
 * The version of this Fairlead, as package.json says it. In a release that file is beside `dist/`, in a checkout above
 * `src/`.
 */
export const version: string = readVersion();

function readVersion(): string {
  const place = import.meta.url.endsWith(".ts") ? "../../package.json" : "../package.json";
  const found = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8")) as { version: string };
  return found.version;
}
