import { defaultPort } from "./dockerfile.ts";
import type { ServiceIdea } from "./recipe.ts";

/** The service of a Dockerfile that is there already: it runs what it runs, on the port that it exposes last. */
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
