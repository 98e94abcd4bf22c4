/** Versions that generated Dockerfiles name when the source names none. Raise them together, with the cases. */
export const pins = {
  yarn: "1.22.22",
  berry: "4.18.1",
  bun: "1.4.5",
  poetry: "2.5.1",
  uv: "0.13.9",
  pipenv: "2026.10.3",
  pdm: "2.29.4",
  gunicorn: "27.0.1",
  uvicorn: "0.54.0",
  deno: "2.5.6",
} as const;

/** The pnpm that reads a lock file of this version (pnpm.io, "Compatibility"). */
export function pnpmFor(lockfileVersion: string | null): string {
  if (lockfileVersion === null) return "10.34.8";
  if (lockfileVersion.startsWith("5.")) return "7.33.7";
  return lockfileVersion.startsWith("6.") ? "8.15.9" : "10.34.8";
}

export const caddyImage = "caddy:2.10-alpine";
