import { isPlainPath } from "../dockerfile.ts";
import { directoryOf } from "../tree.ts";

/** What `.htaccess` files of frameworks and of shared hosts use, and what Apache needs to serve files and PHP. */
const modules = [
  ...["mpm_prefork", "authz_core", "authz_host", "authz_user", "authn_core", "authn_file", "auth_basic"],
  ...["access_compat", "alias", "deflate", "dir", "env", "expires", "filter", "headers", "mime", "rewrite", "setenvif"],
];

/** Of PHP in Apache; a worker is a process with at most 128 MB, PHP's own limit. */
const workers = 16;

/** The configuration, which the build writes into the directory of the source. */
const file = ".apache.conf";
export const apache = "/usr/sbin/apache2";

/**
 * Apache with PHP within it, as the official image and Debian have it: one program with several workers that also
 * serves files and reads `.htaccess`. Port and directories come from variables when it starts.
 */
export const runApache = ["sh", "-c", `exec ${apache} -D FOREGROUND -d "$PWD" -f ${file}`];

/**
 * The command that writes the configuration and has Apache check it, so that a machine without PHP in Apache fails in
 * the build and never serves a program's text. `root` is a plain path, `.` for all of the source.
 */
export function apacheConfig(root: string): string {
  const lines = [
    "Include /etc/apache2/mods-available/php*.load",
    `Listen ${given("PORT")}`,
    `PidFile ${given("TMPDIR")}/apache2.pid`,
    "ServerName localhost",
    "ServerTokens Prod",
    // A file that another user opened, as the log of an instance is, cannot be opened again by its name.
    'ErrorLog "|/bin/cat"',
    'ErrorLogFormat "%M"',
    "TypesConfig /etc/mime.types",
    `DocumentRoot ${root}`,
    "<Directory />",
    "AllowOverride All",
    "</Directory>",
    "DirectoryIndex index.php index.html",
    "FallbackResource /index.php",
    '<FilesMatch "\\.php$">',
    "SetHandler application/x-httpd-php",
    "</FilesMatch>",
    'RedirectMatch 404 "/\\.(?!well-known/)"',
    ...(root === "." ? [`RedirectMatch 404 "${hidden}"`] : []),
    "SetEnvIf X-Forwarded-Proto https HTTPS=on",
    "php_flag display_errors off",
    `MaxRequestWorkers ${workers}`,
  ];
  const loads = `"$(for m in ${modules.join(" ")}; do echo "LoadModule $\{m}_module /usr/lib/apache2/modules/mod_$m.so"; done)"`;
  const written = [`printf '%s\\n'`, loads, ...lines.map((line) => `'${line}'`), `> ${file}`].join(" \\\n  ");
  return `${written} \\\n  && PORT=80 TMPDIR=/tmp ${apache} -t -d "$PWD" -f ${file}`;
}

/** A variable that Apache reads when it starts. */
function given(name: string): string {
  return `$\{${name}}`;
}

/** What no visitor asks for where all of the source is served. */
const hidden =
  "^/(?:vendor|node_modules|Dockerfile|Procfile|fairlead\\.yml|(?:composer|package)(?:-lock)?\\.(?:json|lock))(?:/|$)";

/** Directories that are served by their name, the first that has an index.php. */
const roots = ["public", "web", "webroot", "htdocs", "public_html", "www", "html", ""];

/** The directory to serve: the one that the Procfile gives to Heroku's server, or one with an index.php. */
export function documentRoot(paths: ReadonlySet<string>, web: readonly string[] | undefined): string | null {
  const line = web?.join(" ") ?? "";
  const given =
    /\bheroku-php-(?:apache2|nginx)\b(?:\s+-[a-zA-Z]\s+\S+)*\s+([\w./-]+?)\/?$/.exec(line)?.[1] ??
    /\bphp -S\b.*\s-t\s+([\w./-]+?)\/?(?:\s|$)/.exec(line)?.[1];
  const indexes = new Set([...paths].filter((path) => /(?:^|\/)index\.php$/.test(path)).map(directoryOf));
  if (given !== undefined && isPlainPath(given)) return given;
  return roots.find((root) => indexes.has(root)) ?? null;
}

/** Whether a command is a server that Apache replaces: PHP's own one, for development, and those of Heroku. */
export function isReplaced(command: readonly string[]): boolean {
  return /\bheroku-php-(?:apache2|nginx)\b|\bphp\s+(?:\S+\s+)*-S\s|\bartisan serve\b/.test(command.join(" "));
}
