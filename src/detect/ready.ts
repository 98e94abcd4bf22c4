import type { Tree } from "./tree.ts";

/** Usual paths of health endpoints. */
const name = "(?:api/)?(?:health|healthz|health-?check|healthy|ready|readyz|readiness|livez|up)";

/** How many source files are searched. */
const fileLimit = 300;

/** A readiness path that the app itself registers, or null. The first pattern's group is the path. */
export function readyPath(tree: Tree, files: readonly string[], pattern: RegExp): string | null {
  for (const file of files.slice(0, fileLimit)) {
    const found = pattern.exec(tree.text(file) ?? "")?.[1];
    if (found !== undefined) return found.startsWith("/") ? found : `/${found}`;
  }
  return null;
}

/**
 * Express and similar, and a plain server that compares the path itself. Routers are skipped: they may have a prefix.
 */
export const nodeRoute = new RegExp(
  `(?:\\b(?:app|server|fastify)\\.(?:get|all|use)\\(\\s*|(?:url|pathname|path)\\s*={2,3}\\s*|case\\s+)["'\`](/${name}/?)["'\`]`,
);
/** FastAPI, Starlette and Flask, on the app itself. */
export const pythonRoute = new RegExp(
  `(?:@(?:app|api|application)\\.(?:get|route|api_route)\\(\\s*|\\bRoute\\(\\s*|\\bpath\\s*==\\s*)["'](/${name}/?)["']`,
);
/** Django's root list of addresses. */
export const djangoRoute = new RegExp(`\\bpath\\(\\s*["'](${name}/?)["']`);

/** The routes of Next.js are files. */
export function nextReadyPath(tree: Tree): string | null {
  for (const path of tree.paths) {
    const found =
      /^(?:src\/)?(?:app\/(api\/(?:health|healthz|ready))\/route|pages\/(api\/(?:health|healthz|ready)))\.[jt]sx?$/.exec(
        path,
      );
    if (found) return `/${found[1] ?? found[2]}`;
  }
  return null;
}
