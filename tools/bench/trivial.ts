import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Site } from "./site.ts";

/** The least server that answers HTTP; its line is its version. */
export function serverSource(line: string): string {
  return [
    `const line = ${JSON.stringify(line)};`,
    `require("node:http").createServer((request, response) => response.end(line)).listen(process.env.PORT, process.env.HOST ?? "127.0.0.1");`,
    "",
  ].join("\n");
}

export interface TrivialOptions {
  readonly app: string;
  /** How long the watch lasts, as in a manifest. */
  readonly watch: string;
  /** Files beside the server, e.g. a Dockerfile. */
  readonly more?: Readonly<Record<string, string>>;
}

/** An app of one instance of that server, asked for its readiness ten times a second. */
export function writeTrivial(site: Site, { app, watch, more = {} }: TrivialOptions): string {
  const ready = { path: "/", every: "100ms", times: 1, within: "60s" };
  const web = { run: "node server.cjs", http: { ready }, stop: { drain: "1s", within: "5s" } };
  const manifest = { app, services: { web }, deploy: { watch: { for: watch } } };
  return site.writeApp(manifest, { "server.cjs": serverSource("0"), ...more });
}

export function changeLine(directory: string, line: string): void {
  writeFileSync(join(directory, "server.cjs"), serverSource(line));
}
