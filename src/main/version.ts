import { readFileSync } from "node:fs";

/** The version in package.json, which is beside `dist/` in a release, and above `src/` in a checkout. */
export const version: string = readVersion();

function readVersion(): string {
  const place = import.meta.url.endsWith(".ts") ? "../../package.json" : "../package.json";
  const found = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8")) as { version: string };
  return found.version;
}
