import { pins } from "../pins.ts";
import type { Declared } from "./declared.ts";

type Server = "gunicorn" | "uvicorn";

/** A server for the app: what must be added because nothing declares it, and the warning that says so. */
export function pythonServer(
  server: Server,
  declared: Declared,
): { added: string | null; warnings: readonly string[] } {
  const { packages, extras, file } = declared;
  const brings = [...(extras.get("fastapi") ?? []), ...(extras.get("litestar") ?? [])];
  const extra = server === "uvicorn" && brings.some((one) => one === "standard" || one === "all");
  if (packages.has(server) || extra) return { added: null, warnings: [] };
  const least = pins[server].split(".").slice(0, 2).join(".");
  const warning = `${file} does not declare the server ${server}; ${pins[server]} is added – write "${server}>=${least}" into ${file} to choose it yourself`;
  return { added: `${server}==${pins[server]}`, warnings: [warning] };
}

/** Threads beside processes: a slow answer does not stop a whole process (kairo's own numbers, R041). */
export function gunicorn(target: string, root: string): string {
  const place = root === "" ? "" : root === "src" ? " --pythonpath src" : ` --chdir ${root}`;
  return `gunicorn ${target}${place} --bind 0.0.0.0:$PORT --workers \${WEB_CONCURRENCY:-4} --threads 2`;
}

export function uvicorn(target: string, root: string, factory = false): string {
  const place = root === "" ? "" : ` --app-dir ${root}`;
  return `uvicorn ${target}${factory ? " --factory" : ""}${place} --host 0.0.0.0 --port $PORT`;
}
