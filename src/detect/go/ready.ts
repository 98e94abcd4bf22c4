import type { GoProgram } from "./mains.ts";

/** `net/http`, which may have a method in front, chi, gin, echo, fiber and gorilla: who registers it, and its path. */
const route =
  /\b(\w+)\.(?:HandleFunc|Handle|GET|Get)\(\s*["`](?:GET )?(\/(?:api\/)?(?:health|healthz|health-?check|ready|readyz|readiness|livez|up)\/?)["`]/g;
/** What puts a path in front of the routes of another router. */
const mounted = /\.(?:Mount|PathPrefix)\(|\bStripPrefix\(|\bSubrouter\(/;
const grouped = /\.(?:Group|Route)\(/;
const routers =
  /\b(?:http\.NewServeMux|chi\.NewRouter|chi\.NewMux|mux\.NewRouter|gin\.(?:New|Default)|echo\.New|fiber\.New)\(/;

/**
 * A readiness path that the program registers where no path can be in front of it: on `http` itself, or on a router
 * that the same file makes, before it makes a group; null: there is none.
 */
export function goReady({ code }: GoProgram): string | null {
  const texts = [...code.values()];
  const hasMounts = texts.some((text) => mounted.test(text));
  const hasGroups = hasMounts || texts.some((text) => grouped.test(text));
  for (const text of texts) {
    const group = text.search(grouped);
    for (const { 1: router = "", 2: path = "", index } of text.matchAll(route)) {
      const made = new RegExp(`\\b${router}\\s*:?=\\s*${routers.source}`).test(text);
      const isTop = router === "http" || (made && (group === -1 || index < group));
      if (!hasGroups || (!hasMounts && isTop)) return path;
    }
  }
  return null;
}
