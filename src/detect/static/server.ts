import { baseImage } from "../base.ts";
import { comment, type DockerfileLine, ending } from "../dockerfile.ts";
import { caddyImage } from "../pins.ts";
import type { BuildChoice } from "../recipe.ts";

interface Files {
  /** The stage that built them; null: the source itself. */
  readonly from: string | null;
  readonly path: string;
  /** Whether unknown paths get the index page. */
  readonly fallback: boolean;
}

/** Files that are for building and deploying, not for visitors. */
const hidden = ".git .gitignore .env .env.* .dockerignore Dockerfile fairlead.yml";

function caddyfile(fallback: boolean): readonly string[] {
  return [
    "{",
    "  admin off",
    "  auto_https off",
    "}",
    ":{$PORT} {",
    "  root * /srv",
    "  encode zstd gzip",
    ...(fallback ? ["  try_files {path} /index.html"] : ["  try_files {path} {path}.html"]),
    "  file_server {",
    `    hide ${hidden}`,
    "  }",
    "}",
  ];
}

/**
 * The stage that serves files with Caddy. The copy of the program loses its file capabilities: with them the kernel
 * does not start it if all capabilities are dropped, and it needs no port below 1024.
 */
export function filesStage(
  build: BuildChoice,
  { from, path, fallback }: Files,
): { lines: readonly DockerfileLine[]; warnings: readonly string[] } {
  const base = baseImage(build, "static", caddyImage);
  const rules = caddyfile(fallback).map((line) => `    '${line}' \\`);
  const lines = [
    comment("The final stage: a file server, and the files."),
    `FROM ${base.image}`,
    comment("Caddy's own files go to a directory that any user can write."),
    "ENV PORT=8000 HOME=/tmp XDG_CONFIG_HOME=/tmp XDG_DATA_HOME=/tmp",
    comment("A copy has no file capabilities: a program with some does not start if all are dropped."),
    'RUN cp "$(command -v caddy)" /tmp/caddy && mv /tmp/caddy "$(command -v caddy)"',
    comment(
      fallback
        ? "No admin endpoint; paths without a file get the index page of the front end."
        : "No admin endpoint; files of the build stay hidden.",
    ),
    "RUN mkdir -p /etc/caddy && printf '%s\\n' \\",
    ...rules,
    "    > /etc/caddy/Caddyfile",
    `COPY ${from === null ? "" : `--from=${from} `}${path} /srv`,
    ...ending({ probe: { command: listening }, command, because: "Caddy with that file." }),
  ];
  return { lines, warnings: base.warnings };
}

const command = ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"];
/** Whether something listens on PORT, from the kernel's own table: the image need not have a client. */
const listening = ["sh", "-c", `grep -qi "$(printf ':%04X 0*:0000 0A' "$PORT")" /proc/net/tcp /proc/net/tcp6`];
