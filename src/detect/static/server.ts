import { baseImage } from "../base.ts";
import { comment, type DockerfileLine, defaultPort, ending, listening } from "../dockerfile.ts";
import { caddyImage } from "../pins.ts";
import type { BuildChoice, ServiceIdea } from "../recipe.ts";

interface Files {
  /** The stage that built them; null: the source itself. */
  readonly from: string | null;
  readonly path: string;
  /** The page of unknown paths; null: they have none. */
  readonly fallback: string | null;
}

/** Files that are for building and deploying, not for visitors; src/main/static.ts hides the same. */
const hidden = "Dockerfile fairlead.yml node_modules";

/** `{$NAME}` is read when the server starts. */
const caddyfile: readonly string[] = [
  "{",
  "  admin off",
  "  auto_https off",
  "}",
  ":{$PORT} {",
  "  root * {$STATIC_ROOT}",
  "  encode zstd gzip",
  "  @hidden {",
  "    path */.*",
  "    not path /.well-known/*",
  "  }",
  "  error @hidden 404",
  "  @folder {",
  "    not path */",
  "    file {path}/index.html",
  "  }",
  "  redir @folder {path}/ 308",
  "  @page not path_regexp [.][^/]+$",
  "  route @page {",
  "    try_files {path} {path}index.html {path}.html {$STATIC_FALLBACK}",
  "  }",
  "  file_server {",
  `    hide ${hidden}`,
  "  }",
  "  handle_errors {",
  "    rewrite * /404.html",
  "    file_server",
  "  }",
  "}",
];

/** The program that the manifest's `static` starts, as plain processes have it: DIRECTORY [FALLBACK]. */
const starter: readonly string[] = [
  "#!/bin/sh",
  'export STATIC_ROOT="/app/$1" STATIC_FALLBACK="$2"',
  'test -d "$STATIC_ROOT" || { echo "there is no directory $1 in the image"; exit 1; }',
  "exec caddy run --config /etc/caddy/Caddyfile --adapter caddyfile",
];

const written = (lines: readonly string[]) => lines.map((line) => `    '${line}' \\`);

/** The service of a source that is served as files. */
export function filesService({ path, fallback }: Omit<Files, "from">): ServiceIdea {
  return {
    name: "web",
    run: null,
    files: { path, fallback },
    port: defaultPort,
    ready: "/",
    release: null,
    single: false,
  };
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
  const command = ["fairlead-static", path, ...(fallback === null ? [] : [fallback])];
  const lines = [
    comment("The final stage: a file server, and the files."),
    `FROM ${base.image}`,
    comment("Caddy's own files go to a directory that any user can write."),
    "ENV PORT=8000 HOME=/tmp XDG_CONFIG_HOME=/tmp XDG_DATA_HOME=/tmp",
    comment("A copy has no file capabilities: a program with some does not start if all are dropped."),
    'RUN cp "$(command -v caddy)" /tmp/caddy && mv /tmp/caddy "$(command -v caddy)"',
    comment("No admin endpoint; files of the build stay hidden; a front end's own paths get its index page."),
    "RUN mkdir -p /etc/caddy && printf '%s\\n' \\",
    ...written(caddyfile),
    "    > /etc/caddy/Caddyfile \\",
    "    && printf '%s\\n' \\",
    ...written(starter),
    "    > /usr/local/bin/fairlead-static && chmod 755 /usr/local/bin/fairlead-static",
    from === null ? `COPY ${path} ${inApp(path)}` : `COPY --from=${from} /app/${path} ${inApp(path)}`,
    ...ending({ probe: listening, command, because: "Caddy with that file." }),
  ];
  return { lines, warnings: base.warnings };
}

function inApp(path: string): string {
  return path === "." ? "/app" : `/app/${path}`;
}
