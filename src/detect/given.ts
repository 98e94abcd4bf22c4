import { defaultPort } from "./dockerfile.ts";
import type { ServiceIdea } from "./recipe.ts";

/** The service of an existing Dockerfile: its own command, on the last exposed port. */
export function serviceOfDockerfile(text: string): ServiceIdea {
  const ports = [...text.matchAll(/^[ \t]*EXPOSE[ \t]+(\d{1,5})(?:\/tcp)?[ \t]*$/gim)].map(([, port]) => Number(port));
  const port = ports.at(-1) ?? defaultPort;
  return {
    name: "web",
    run: null,
    port: port > 0 && port < 65_536 ? port : defaultPort,
    ready: null,
    release: null,
    single: false,
  };
}
